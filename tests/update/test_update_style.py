"""Proves that an update keeps the style and the line ends of a file."""

import subprocess
import sys
from pathlib import Path

import black
import pytest
from matrix import text
from updating import MINE, NAME, check_trains, edit, make, update

from scaffold import Spec
from scaffold.update import module_merge

pytestmark = pytest.mark.usefixtures("plain_compiler")

FORMATTERS = {
    "black": ["black", "--quiet", "--line-length"],
    "ruff": ["ruff", "format", "--isolated", "--quiet", "--line-length"],
}

#: CI tests all of these. Each takes two seconds.
FORMS = [
    pytest.param(name, length, marks=[] if few else pytest.mark.exhaustive)
    for name, length, few in [
        *(("black", 60, True), ("black", 100, True), ("ruff", 79, True)),
        *(("black", 79, False), ("black", 133, False)),
        *(("ruff", 60, False), ("ruff", 100, False), ("ruff", 133, False)),
    ]
]


@pytest.mark.parametrize(("formatter", "length"), FORMS)
def test_reformatted_file(formatter, length):
    """A reformatted file is updated in its style, without a conflict."""
    path = make(Spec())
    edit(path, MINE)
    command = [sys.executable, "-m", *FORMATTERS[formatter], str(length), NAME]
    subprocess.run(command, check=True)
    before = path.read_text(encoding="utf-8")

    update(NAME, "--test-step", "--manual-loss")

    after = path.read_text(encoding="utf-8")
    mode = black.Mode(line_length=length)
    # The plainest file has no line that Black would join at 100 columns.
    if formatter == "black" and length != 100:
        assert black.format_str(after, mode=mode) == after
    assert "# My line." in after and "def test_step" in after
    check_trains(path, Spec(test_step=True, manual_loss=True))
    assert "is up to date" in update(NAME)

    update(NAME, "--no-test-step", "--compile-loss")

    changed = set(before.split("\n")) ^ set(path.read_text().split("\n"))
    assert {
        line for line in changed if not line.startswith("# kscaffold:base")
    } == set()


def test_line_length_is_changed():
    """`--line-length` reformats the whole file, including the user's lines."""
    path = make(Spec())
    edit(
        path,
        (
            "        x, y, sample_weight = ",
            "        print(x,  y)\n        x, y, sample_weight = ",
        ),
    )

    update(NAME, "--line-length", "60")

    after = path.read_text(encoding="utf-8")
    assert black.format_str(after, mode=black.Mode(line_length=60)) == after
    assert "        print(x, y)\n" in after

    update(NAME, "--unset", "line-length")

    # Lines without edits are restored exactly.
    after = path.read_text(encoding="utf-8")
    assert black.format_str(after, mode=black.Mode()) == after
    start = "    def train_step("
    before = text(Spec(), NAME)
    assert before[: before.index(start)] == after[: after.index(start)]
    assert (
        before[before.index("\n\n\nif __name__") :]
        == after[after.index("\n\n\nif __name__") :]
    )


def test_form_of_own_lines_stays():
    """Black does not format the user's lines."""
    path = make(Spec())
    own = ("        return logs, (", "        print( 'x' )\n        return logs, (")
    edit(path, own)

    update(NAME, "--test-step", "--manual-metrics")

    assert "        print( 'x' )\n" in path.read_text(encoding="utf-8")


def test_only_new_lines_are_formatted():
    """Black formats only the lines that an update adds."""
    mine = "def f():\n    print( 'x' )\n\n\ndef g():\n    return 1\n"
    merged = mine.replace("return 1", "return ( 'y' )")

    result = module_merge.formatted(mine, merged, {})

    assert merged.replace("( 'y' )", '"y"') == result


def test_settings_of_black_come_first():
    """New lines follow `[tool.black]` if the old ones look the same under both."""
    mode = black.Mode(line_length=91)
    path = make(Spec())
    assert black.format_str(path.read_text(), mode=mode) == path.read_text()
    Path("pyproject.toml").write_text("[tool.black]\nline-length = 91\n")

    update(NAME, "--manual-loss")

    after = path.read_text()
    assert black.format_str(after, mode=mode) == after
    assert black.format_str(after, mode=black.Mode()) != after
    assert "is up to date" in update(NAME)


def test_settings_of_black_are_no_change():
    """New Black settings alone do not change a file."""
    path = make(Spec())
    edit(path, MINE)
    Path("pyproject.toml").write_text("[tool.black]\nline-length = 100\n")

    assert "is up to date" in update(NAME, "--check")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
def test_crlf(bom):
    """A file keeps CRLF line ends and its byte order mark."""
    path = make(Spec())
    edit(path, MINE)
    path.write_bytes(bom + path.read_bytes().replace(b"\n", b"\r\n"))

    update(NAME, "--manual-metrics")

    content = path.read_bytes()
    expected = text(Spec(manual_metrics=True), NAME).replace(*MINE)
    assert bom + expected.replace("\n", "\r\n").encode() == content
    check_trains(path, Spec(manual_metrics=True))


def test_mixed_line_ends():
    """Lines keep their line ends, and new lines have the most common one."""
    path = make(Spec())
    content = path.read_bytes().replace(b"\n", b"\r\n")
    mixed = content.replace(b"import keras\r\n", b"import keras\n")
    path.write_bytes(mixed)

    update(NAME, "--manual-metrics")

    after = path.read_bytes()
    assert 1 == after.count(b"\n") - after.count(b"\r\n")
    assert b"import keras\n" in after


def test_lines_around_the_first():
    """A licence above the header is kept, and a removed header stays removed."""
    path = make(Spec())
    path.write_text("# Licence: mine.\n" + path.read_text())

    update(NAME, "--test-step")

    lines = path.read_text().split("\n")
    assert "# Licence: mine." == lines[0]
    assert text(Spec(test_step=True), NAME).split("\n") == lines[1:]
    del lines[:2]
    path.write_text("\n".join(lines))

    update(NAME, "--no-test-step")

    assert text(Spec(), NAME).split("\n")[1:] == path.read_text().split("\n")
