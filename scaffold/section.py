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

#: The heading, and the lines of its tables, until another table or a comment begins.
_SECTION = re.compile(
    rf"^{re.escape(HEADING)}[ \t]*\n"
    r"(?:(?:[ \t]*\n)*(?:\[tool\.kscaffold\..*|[^\[#\n]*=.*)(?:\n|\Z))*",
    re.MULTILINE,
)


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
        The text with the heading alone, and the section: `version`, `command` and, if
        it is there, `base`.

    Raises:
        RecordError: If the text is not TOML or has no such section.
    """
    try:
        section = tomllib.loads(text)["tool"]["kscaffold"]
        is_whole = isinstance(section["version"], str) and section["command"]
    except tomllib.TOMLDecodeError as error:
        raise RecordError(f"It is not TOML: {error}.") from error
    except (KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise RecordError(f"It has no section {HEADING} with a version and a command.")
    rest, found = _SECTION.subn(f"{HEADING}\n", text)
    if found != 1:
        raise RecordError(f"It has no line {HEADING}.")
    return rest, section


def _quoted(text: str) -> str:
    """Quotes a string for TOML, which does it as JSON does."""
    return json.dumps(text, ensure_ascii=False)
