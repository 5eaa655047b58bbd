"""Proves that the merge base is found, or its loss is reported."""

import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from matrix import core_specs, text
from updating import MINE, NAME, edit, make, update

from scaffold import Spec, __version__, render
from scaffold.errors import RecordError
from scaffold.line_dictionary import DICTIONARY
from scaffold.record import LINE as RECORD
from scaffold.record import MARK, Record
from scaffold.update import merge_base

#: The number of lines of the dictionary of kscaffold 0.2.0, and their checksum. Records
#: of that version refer to these lines. Each release changes both.
RELEASED_LINES = 5121

RELEASED_DIGEST = 2706146140


@pytest.mark.exhaustive
@pytest.mark.parametrize("length", [79, 100, 120])
def test_records_of_other_lengths_are_short(length):
    """Records are not much longer for common line lengths."""
    for spec in core_specs(line_length=length)[::7]:
        [word] = RECORD.findall(render(spec, NAME)[0].text)

        assert len(word) < 700


def test_dictionary_only_grows():
    """The lines that released records refer to are unchanged."""
    released = DICTIONARY.read_bytes().split(b"\n")[:RELEASED_LINES]

    assert RELEASED_LINES == len(released)
    assert RELEASED_DIGEST == zlib.crc32(b"\n".join(released))


def damaged(line: str) -> str:
    """Changes one letter of a line with a record."""
    at = len(MARK) + 9
    return line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]


LOST = {
    "removed": (lambda line: "", "has no lines # kscaffold:base:"),
    "emptied": (lambda line: MARK, "is damaged"),
    "damaged": (damaged, "is damaged"),
    "cut": (lambda line: line[:-30], "is damaged"),
    "no letters": (lambda line: f"{MARK}!!!", "is damaged"),
    "twice": (lambda line: f"{line}\n{line}", "has 2 lines # kscaffold:base:"),
}


@pytest.mark.parametrize("how", LOST)
def test_lost_record(how):
    """A lost or damaged record is reported, and --base replaces it."""
    change, message = LOST[how]
    path = make(Spec())
    edit(path, MINE)
    old = text(Spec(), NAME)
    line = old.split("\n")[-2]
    edit(path, (line, change(line)))
    before = path.read_bytes()

    said = update(NAME, "--test-step", code=2)

    assert message in said and "--base OLD.py" in said
    assert before == path.read_bytes()
    Path("OLD.py").write_text(old)
    if how != "twice":
        update(NAME, "--test-step", "--base", "OLD.py")
        assert "# My line." in path.read_text()
        assert "is up to date" in update(NAME)


@pytest.mark.parametrize("place", range(0, 120, 7))
def test_any_damage_is_noticed(place):
    """A change of any letter of a record is detected."""
    [word] = RECORD.findall(text(Spec(manual_loss=True), NAME))
    place %= len(word)
    for letter in "Aq_":
        if word[place] != letter:
            with pytest.raises(RecordError):
                Record.of_word(word[:place] + letter + word[place + 1 :])


def test_damaged_styles_are_noticed():
    """The checksum of a record includes the styles."""
    record = Record("x = 1\n", ({"line_length": 100},))
    for place in range(len(record.word)):
        for letter in "AQz9":
            word = record.word[:place] + letter + record.word[place + 1 :]
            try:
                # Some bits are unused, such as the bits after the last byte.
                assert record == Record.of_word(word)
            except RecordError:
                continue


def test_edited_first_line():
    """An edit of the header is reported: it does not change options."""
    path = make(Spec())
    first = text(Spec(), NAME).split("\n")[0]
    edit(path, (first, f"{first} --test-step"))

    said = update(NAME, code=2)

    assert f"It was: {first}\n" in said and "options to `kscaffold update`" in said


def test_first_line_without_its_excuse():
    """A header without its `noqa` comment is accepted."""
    spec = Spec(
        manual_loss=True, manual_metrics=True, sample_weight=True, test_step=True
    )
    path = make(spec)
    first = path.read_text().split("\n")[0]
    edit(path, (first, first.removesuffix("  # noqa: E501")))

    update(NAME, "--no-test-step")

    assert text(replace(spec, test_step=False), NAME) == path.read_text()


def test_newer_kscaffold():
    """A file of a newer version is refused, with a hint how to install it."""
    path = make(Spec())
    edit(path, (f"by kscaffold {__version__}:", "by kscaffold 99.1:"))

    said = update(NAME, code=2)

    assert "check out version 99.1 or later, then run: pip install .\n" in said


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [("0.2.0rc1", False), ("0.2.0.dev3", False), ("0.10", True), ("1.0a1", True)],
)
def test_versions(version, is_newer, monkeypatch):
    """Versions are compared by number, and suffixes are ignored."""
    monkeypatch.setattr(merge_base, "__version__", "0.2.0")
    if is_newer:
        with pytest.raises(RecordError, match="newer than this"):
            merge_base.check_version(NAME, version)
    else:
        merge_base.check_version(NAME, version)


NOT_OURS = {
    "a file of one's own": ("print(1)\n", "was not generated by kscaffold"),
    "bytes": (b"\xff\n", "is not UTF-8"),
    "a base that is none": (None, "no.py does not begin with a header of kscaffold."),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_other_files(what):
    """Files that kscaffold did not write are refused."""
    content, message = NOT_OURS[what]
    arguments = []
    if content is None:
        make(Spec())
        Path("no.py").write_text("print(1)\n")
        arguments = ["--base", "no.py"]
    elif isinstance(content, bytes):
        Path(NAME).write_bytes(content)
    else:
        Path(NAME).write_text(content)

    assert message in update(NAME, "--test-step", *arguments, code=2)


def test_base_with_edits():
    """A base with edits is refused, because these would be lost."""
    path = make(Spec())
    edit(path, MINE)
    old = Path(shutil.copy(path, "OLD.py"))
    before = path.read_bytes()

    assert "OLD.py was edited" in update(NAME, "--test-step", "--base", old, code=2)
    line = path.read_text().split("\n")[-2]
    for one in (path, old):
        edit(one, (line, ""))
    said = update(NAME, "--test-step", "--base", old, code=2)
    assert "are the same, with the same edits" in said
    assert (
        before == path.read_bytes() + line.encode() + b"\n"
        or "# My line." in path.read_text()
    )
