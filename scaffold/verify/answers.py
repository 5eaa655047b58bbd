"""The answers of a worker: JSON objects, one a line, in a file of its folder.

No descriptor of the file is open while the file under test runs.
"""

import json
import os
from pathlib import Path

#: The names of the files in the folder of a worker.
REQUEST, ANSWERS = "request.json", "answers.jsonl"

#: The fields of each kind of answer, with their types.
KINDS = (
    {"parsed": bool},
    {"error": str, "hint": str, "code": str},
    {"groups": dict, "names": list},
    {"begins": str},
    {"postponed": str},
    {"numbers": dict},
    {"verdict": dict},
)

#: The fields of a verdict. See `verdict.Verdict`.
_TEXTS = (
    *("name", "group", "outcome", "detail", "cause", "fix", "code"),
    "compared_with",
)
VERDICT = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("explained_by", "ruled_out"), list),
}


class AnswerWriter:
    """Writes the answers of this process."""

    def __init__(self, path: Path):
        """Creates a writer to the file at `path`."""
        self._path, self._process = path, os.getpid()

    def write(self, **fields) -> None:
        """Writes an answer. Ends any other process: the file under test may fork."""
        if os.getpid() != self._process:
            os._exit(1)
        line = json.dumps(fields).encode("ascii") + b"\n"
        # If the file under test closed descriptor 1, a thread of it could still print.
        while (null := os.open(os.devnull, os.O_RDWR)) < 3:
            pass
        os.close(null)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while line:
                line = line[os.write(file, line) :]
        finally:
            os.close(file)


class AnswerReader:
    """Reads the answers of another process."""

    def __init__(self, path: Path):
        """Creates a reader of the file at `path`, which may not exist yet."""
        self._path, self._position = path, 0

    def read(self) -> list[dict]:
        """Returns the new answers. Anything else in the file is ignored."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                new = file.read()
        except OSError:
            return []
        complete = new[: new.rfind(b"\n") + 1]
        self._position += len(complete)
        return [*filter(_is_answer, map(_parse, complete.splitlines()))]


def _parse(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_answer(data: object) -> bool:
    """Returns whether data have the fields of a kind of answer."""
    if not any(_has_fields(data, kind) for kind in KINDS):
        return False
    return "verdict" not in data or _has_fields(data["verdict"], VERDICT)


def _has_fields(data: object, fields: dict[str, type]) -> bool:
    return (
        isinstance(data, dict)
        and data.keys() == fields.keys()
        and all(isinstance(data[name], kind) for name, kind in fields.items())
    )
