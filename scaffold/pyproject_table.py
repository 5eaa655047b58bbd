"""What a project's `pyproject.toml` holds for `update`: its command and its records."""

import json
import re
import tomllib

from . import __version__
from .errors import RecordError
from .record import Record

#: The file, and the line in it that begins the section.
SETTINGS = "pyproject.toml"
HEADING = "[tool.kscaffold]"

#: The headings of its tables, as people and formatters may write them.
_HEADING = re.compile(r"\s*\[\s*tool\s*\.\s*kscaffold\s*(\.\s*base\s*)?\]\s*(#.*)?")
_TABLE = re.compile(r"\s*\[")


def has_section(text: str) -> bool:
    """Says whether a `pyproject.toml` has a heading of kscaffold's, whole or not."""
    return any(map(_HEADING.fullmatch, text.splitlines()))


def with_records(files: dict[str, Record], command: str) -> dict[str, str]:
    """Puts the records of a project's files into them.

    Args:
        files: The files, by their paths below the project's folder.
        command: The command that makes the project.

    Returns:
        Their texts. `pyproject.toml` has the records of all files; the module with the
        class has its own as well, as it has without a project.
    """
    texts = {path: file.put_into(file.text) for path, file in files.items()}
    texts[SETTINGS] = with_section(texts[SETTINGS], files, command)
    return texts


def with_section(text: str, files: dict[str, Record], command: str) -> str:
    """Puts a project's command and records under their heading."""
    lines = [
        HEADING,
        f'version = "{__version__}"',
        f"command = {_quoted(command)}",
        "",
        "[tool.kscaffold.base]",
        *(f"{_quoted(path)} = {_quoted(file.word)}" for path, file in files.items()),
    ]
    section = "\n".join(lines) + "\n"
    return text.replace(f"{HEADING}\n", section, 1)


def split_section(text: str) -> tuple[str, dict]:
    """Takes a project's command and records from their heading.

    Returns:
        The text with the heading alone, and the section: `version`, `command` and
        `base`, a dict of words. Comments among them are above the heading.

    Raises:
        RecordError: If the text is not TOML, has no such section, or has one that
            cannot be told from the rest.
    """
    data = _parsed(text)
    section = data.get("tool", {}).get("kscaffold")
    if not _is_whole(section):
        raise RecordError(
            f"It has no section {HEADING} with just the version, the command and the "
            "records that kscaffold wrote."
        )
    rest = _without_section(text)
    expected = {**data, "tool": {**data["tool"], "kscaffold": {}}}
    if _parsed(rest) != expected:
        raise RecordError(f"Its section {HEADING} is not in the form that it had.")
    return rest, {"base": {}, **section}


def _is_whole(section) -> bool:
    """Says whether a section has all that it needs, and nothing else."""
    if not isinstance(section, dict) or not section.keys() <= {
        "version",
        "command",
        "base",
    }:
        return False
    words = section.get("base", {})
    strings = [section.get("version"), section.get("command")]
    strings += words.values() if isinstance(words, dict) else [None]
    return all(isinstance(string, str) for string in strings)


def _without_section(text: str) -> str:
    """Leaves of a section its heading, with the comments in it above."""
    lines, comments, blank, place = [], [], [], None
    inside = False
    for line in text.split("\n"):
        heading = _HEADING.fullmatch(line)
        if heading or (_TABLE.match(line) and inside):
            if not heading:
                # What is directly above the next table belongs to that.
                lines += blank
            elif place is None:
                place = len(lines)
            else:
                comments += filter(str.strip, blank)
            inside, blank = bool(heading), []
            if heading:
                continue
        if not inside:
            lines.append(line)
        elif line.strip() and not line.strip().startswith("#"):
            comments += filter(str.strip, blank)
            blank = []
        else:
            blank.append(line)
    if inside:
        lines += blank or [""]
    if place is not None:
        lines[place:place] = [*comments, HEADING]
    return "\n".join(lines)


def _parsed(text: str) -> dict:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecordError(f"It is not TOML: {error}.") from error


def _quoted(text: str) -> str:
    """Quotes a string for TOML, which does it as JSON does."""
    return json.dumps(text, ensure_ascii=False)
