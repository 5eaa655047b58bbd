"""Where the text comes from that a file was generated as."""

import re
from pathlib import Path

from .. import __version__
from ..errors import RecordError
from ..formatting import black_mode, mode_settings
from ..header import LINE as HEADER
from ..header import parse_header
from ..record import LINE as RECORD
from ..record import MARK, Record
from ..writing import shown
from .user_file import UserFile

WAY_OUT = (
    "Put the line back from version control, or name a file with the text as it was "
    "generated: --base OLD.py, which `git show REVISION:{name} > OLD.py` may give."
)


def read_base(source: UserFile, base: Path | None) -> Record:
    """Returns the text that a module was generated as.

    Args:
        source: The module.
        base: A file with that text, or `None`: the module has a record of it.

    Raises:
        RecordError: If the record is lost or damaged, or not that of the first line.
    """
    if base is not None:
        return given_base(UserFile.existing(base), source)
    header = HEADER.search(source.text)
    words = RECORD.findall(source.text)
    name = shown(source.path)
    if not words and not header:
        raise RecordError(
            f"{name} has neither a first line nor a last one of kscaffold's.",
            "Name a file that `kscaffold new` wrote.",
        )
    if len(words) != 1:
        raise RecordError(
            f"{name} has {len(words) or 'no'} lines {MARK}..., and needs one.",
            WAY_OUT.format(name=source.path.name),
        )
    if header:
        check_version(name, header["version"])
    record = decoded(words[0], f"The line {MARK}... of {name}", source.path.name)
    generated = HEADER.match(record.text)
    if header and generated.groups() != header.groups():
        raise RecordError(
            f"The first line of {name} was edited; it was: {generated[0]}",
            "Put it back; to change options, name them: kscaffold update --help.",
        )
    return record


def given_base(old: UserFile, source: UserFile) -> Record:
    """Returns the record of a file that is as it was generated.

    Args:
        old: The file.
        source: What the user has.

    Raises:
        RecordError: If it is not as it was generated, as far as that can be known.
    """
    name = shown(old.path)
    if not HEADER.match(old.text):
        raise RecordError(
            f"The first line of {name} is not kscaffold's.",
            "--base needs the text as it was generated, with all its lines.",
        )
    text = RECORD.sub(MARK, with_place(old.text))
    words = [word for word in RECORD.findall(old.text) if word]
    if words:
        record = decoded(words[0], f"The line {MARK}... of {name}", old.path.name)
        if record.text != text:
            raise RecordError(
                f"{name} was edited: it is not the text as it was generated.",
                "Name it without --base: its record is whole.",
            )
        return record
    if text == RECORD.sub(MARK, with_place(source.text)):
        raise RecordError(
            f"{name} and {shown(source.path)} are the same, with the same edits.",
            "--base needs the text as it was generated, without them.",
        )
    spec = parse_header(old.text).spec
    mode = black_mode(source.path, spec.line_length, spec.target_version)
    return Record(text, (mode_settings(mode),))


def decoded(word: str, what: str, name: str) -> Record:
    """Returns the record that a word holds.

    Raises:
        RecordError: If it is damaged.
    """
    try:
        return Record.of_word(word)
    except RecordError as error:
        message = f"{what} is damaged."
        raise RecordError(message, WAY_OUT.format(name=name)) from error


def check_version(name: str, version: str) -> None:
    """Refuses what a newer kscaffold wrote: its templates are not here.

    Raises:
        RecordError: If the version is newer than this.
    """
    if _numbers(version) > _numbers(__version__):
        raise RecordError(
            f"{name} is of kscaffold {version}, which is newer than this "
            f"{__version__}.",
            f"Install it: pip install 'kscaffold>={version}'.",
        )


def with_place(text: str) -> str:
    """Returns a module with a place for its record, which older ones lack."""
    if RECORD.search(text):
        return text
    return text.rstrip("\n") + f"\n\n\n{MARK}\n"


def _numbers(version: str) -> list[int]:
    released = re.match(r"[\d.]*", version)[0]
    return [int(number) for number in released.split(".") if number]
