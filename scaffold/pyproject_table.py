"""The table `[tool.kscaffold]` in a project's `pyproject.toml`.

It holds what `update` needs: the version and the command that made the project, and in
the table `base` the record of each file.
"""

import json
import tomllib
from itertools import pairwise

from . import __version__
from .errors import ConfigError, RecordError
from .record import Record

#: The file, and the heading of the table.
SETTINGS = "pyproject.toml"
HEADING = "[tool.kscaffold]"


def loads(text: str) -> dict:
    """Parses TOML that anybody can have written.

    Raises:
        ConfigError: If it is not TOML, or too complex.
    """
    check_complexity(text)
    try:
        return tomllib.loads(text)
    # A number may have too many digits, or arrays too many levels.
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(error)) from error


def check_complexity(text: str) -> None:
    """Refuses TOML whose parser could take all memory.

    The memory that a key takes grows with the square of the number of its parts.

    Raises:
        ConfigError: If a line has too many dots.
    """
    if any(line.count(".") > 1000 for line in text.split("\n")):
        raise ConfigError("a line has more than 1000 dots", "Split the line.")


def has_table(text: str) -> bool:
    """Says whether a `pyproject.toml` has kscaffold's table, complete or not."""
    try:
        tool = loads(text).get("tool")
    except ConfigError:
        # The update reports what is wrong with the file.
        return "tool.kscaffold" in text
    return isinstance(tool, dict) and "kscaffold" in tool


def records_in(text: str) -> dict[str, str]:
    """Returns the records in a `pyproject.toml`, which may have no table or any other.

    Returns:
        The records, by the paths of the files. Empty if the table is invalid.
    """
    try:
        return read_table(text)["base"]
    except RecordError:
        return {}


def with_records(files: dict[str, Record], command: str) -> dict[str, str]:
    """Puts the records of a new project's files into them.

    Args:
        files: The files, by their paths below the project's folder.
        command: The command that makes the project.

    Returns:
        The texts of the files. `pyproject.toml` has the records of all files. The
        module with the class has a record of its own as well, as it has without a
        project.
    """
    texts = {path: file.put_into(file.text) for path, file in files.items()}
    words = {path: file.word for path, file in files.items()}
    texts[SETTINGS] = with_table(texts[SETTINGS], table(command, words))
    return texts


def table(command: str, words: dict[str, str]) -> dict:
    """Returns the table of this version of kscaffold.

    Args:
        command: The command that makes the project.
        words: The records of its files, by their paths.
    """
    return {"version": __version__, "command": command, "base": words}


def with_table(text: str, content: dict) -> str:
    """Writes the table below its heading, which is alone in a generated text."""
    return text.replace(f"{HEADING}\n", _as_toml(content), 1)


def without_table(text: str, content: dict) -> str:
    """Removes what `with_table()` wrote, and leaves the heading."""
    return text.replace(_as_toml(content), f"{HEADING}\n", 1)


def read_table(text: str) -> dict:
    """Returns the table: `version`, `command`, and `base`, a dict of records.

    Raises:
        RecordError: If the text is not TOML, or has no such table that is complete.
    """
    try:
        data = loads(text)
    except ConfigError as error:
        raise RecordError(f"It is not TOML: {error.message}.") from error
    tool = data.get("tool")
    content = tool.get("kscaffold") if isinstance(tool, dict) else None
    if not _is_complete(content):
        raise RecordError(
            f"It has no section {HEADING} with only the version, the command and the "
            "records that kscaffold wrote."
        )
    return {"base": {}, **content}


def with_values(text: str, content: dict) -> str:
    """Changes the values of the table where they are, and nothing else.

    Comments, spaces, and the user's other tables stay.

    Args:
        text: A `pyproject.toml` with the table.
        content: The new values.

    Raises:
        RecordError: If the table is in a form that cannot be edited.
    """
    # Only here: it takes longer to import than the rest of kscaffold.
    import tomlkit

    document = tomlkit.parse(text)
    own = document["tool"]["kscaffold"]
    if content["base"] and "base" not in own:
        own["base"] = tomlkit.table()
    records = own.get("base", {})
    added = content["base"].keys() - records.keys()
    for path in records.keys() - content["base"].keys():
        del records[path]
    scalars = {key: content[key] for key in ("version", "command")}
    for place, values in ((own, scalars), (records, content["base"])):
        for key, value in values.items():
            # A value that stays keeps its quotes.
            if place.get(key) != value:
                place[key] = value
    changed = tomlkit.dumps(document)
    if added:
        _put_in_order(records.value.body, list(content["base"]), added)
        in_order = tomlkit.dumps(document)
        changed = in_order if holds_table(in_order, content) else changed
    if not holds_table(changed, content):
        raise RecordError(f"the section {HEADING} has a form that cannot be edited")
    return changed


def _put_in_order(body: list, order: list[str], added: set[str]) -> None:
    """Moves records, which are added at the end of a table, behind their predecessors.

    Args:
        body: The keys and values of the table, and its comments, which have no key.
        order: The keys of all records.
        added: Those that move.
    """
    for before, path in pairwise(order):
        if path in added:
            entry = body.pop(_index(body, path))
            body.insert(_index(body, before) + 1, entry)


def _index(body: list, name: str) -> int:
    return next(n for n, (key, _) in enumerate(body) if key and key.key == name)


def holds_table(text: str, content: dict) -> bool:
    """Says whether a text is TOML with a certain table."""
    try:
        return read_table(text) == content
    except RecordError:
        return False


def _is_complete(content) -> bool:
    """Says whether a table has all that it needs, and nothing else."""
    if not isinstance(content, dict) or not content.keys() <= table("", {}).keys():
        return False
    words = content.get("base", {})
    strings = [content.get("version"), content.get("command")]
    strings += words.values() if isinstance(words, dict) else [None]
    return all(isinstance(string, str) for string in strings)


def _as_toml(content: dict) -> str:
    """Writes the table as it is in a new project."""
    lines = [f"{key} = {_quoted(content[key])}" for key in ("version", "command")]
    if content["base"]:
        lines += ["", "[tool.kscaffold.base]"]
    for path, word in content["base"].items():
        lines.append(f"{_quoted(path)} = {_quoted(word)}")
    return "\n".join([HEADING, *lines, ""])


def _quoted(text: str) -> str:
    """Quotes a string for TOML, in the same way as JSON does."""
    return json.dumps(text, ensure_ascii=False)
