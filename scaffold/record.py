"""The record of a file: its text as it was generated, encoded in its last comment.

`update` needs that text for its three-way merge, on any machine and in any later
version. Most of its lines are in a dictionary that is part of kscaffold and only grows.
The record lists runs of lines in the dictionary, and contains the other lines. See
docs/update.md for the reasons.
"""

import base64
import json
import re
import zlib
from io import BytesIO
from typing import NamedTuple

from .errors import RecordError
from .line_dictionary import dictionary

#: Begins the line with the record. Alone, it marks the place for the record.
MARK = "# kscaffold:base:"
#: Ends a long line, so that linters accept it.
EXCUSE = "  # noqa: E501"
LINE = re.compile(rf"^{MARK}(?P<word>\S*)(?:{EXCUSE})?$", re.MULTILINE)
#: Limits that no real record reaches: characters, lines of the text, styles.
LONGEST, MOST_LINES, MOST_STYLES = 1_000_000, 100_000, 100


class Record(NamedTuple):
    """A text as it was generated.

    Attributes:
        text: The text, with `MARK` alone in place of its own record.
        styles: Black's settings that differ from its defaults, as `mode_settings()`
            returns them. The first are the settings at generation. Others are settings
            that the text was formatted with later, in order.
    """

    text: str
    styles: tuple[dict, ...] = ({},)

    @property
    def word(self) -> str:
        """The encoded record, a word of letters, digits, `-` and `_`."""
        styles = "" if self.styles == ({},) else json.dumps(self.styles)
        runs = _distances(dictionary().runs(self.text))
        content = b"".join(
            [_checksum(styles, self.text), styles.encode(), b"\n", *map(_encode, runs)]
        )
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    @property
    def line(self) -> str:
        """The comment with the record, for a file in its style."""
        line = MARK + self.word
        is_long = len(line) > self.styles[-1].get("line_length", 88)
        return line + EXCUSE if is_long else line

    def put_into(self, text: str) -> str:
        """Returns a text with the record in its place."""
        return LINE.sub(lambda match: self.line, text)

    @classmethod
    def of_word(cls, word: str) -> "Record":
        """Decodes a record.

        Raises:
            RecordError: If it is damaged, or needs a newer dictionary.
        """
        try:
            if len(word) > LONGEST:
                raise ValueError(word[:20])
            content = base64.b64decode(
                word + "=" * (-len(word) % 4), altchars=b"-_", validate=True
            )
            checksum, (styles, runs) = content[:4], content[4:].split(b"\n", 1)
            text, styles = "\n".join(_lines(BytesIO(runs))), styles.decode()
            if _checksum(styles, text) != checksum:
                raise ValueError(checksum)
            # The checksum finds accidents. Anybody can write a record that has it.
            return cls(text, _checked(json.loads(styles) if styles else [{}]))
        except (ValueError, IndexError, RecursionError) as error:
            raise RecordError("it is damaged") from error


def _checked(styles) -> tuple[dict, ...]:
    """Checks the types of Black's settings in a record.

    Raises:
        ValueError: If `mode_settings()` cannot have returned them.
    """

    def fits(name, value) -> bool:
        if name == "line_length":
            return type(value) is int and value > 0
        if name == "enabled_features":
            return isinstance(value, list) and all(isinstance(f, str) for f in value)
        return isinstance(value, bool)

    if not isinstance(styles, list) or not 0 < len(styles) <= MOST_STYLES:
        raise ValueError("the styles are not a list")
    for style in styles:
        if not isinstance(style, dict) or not all(map(fits, style, style.values())):
            raise ValueError(style)
    return tuple(styles)


def _checksum(styles: str, text: str) -> bytes:
    """Returns four bytes that detect a change of the record."""
    return zlib.crc32(f"{styles}\n{text}".encode()).to_bytes(4, "big")


def _distances(runs):
    """Yields runs, each with its distance from the end of the last run, and lines."""
    end = 0
    for run in runs:
        if isinstance(run, str):
            yield run
        else:
            yield run[0] - end, run[1]
            end = sum(run)


def _encode(run: tuple[int, int] | str) -> bytes:
    """Encodes a run as its length and distance, and a line as length 0 and its text."""
    if isinstance(run, str):
        return _number(0) + run.encode() + b"\n"
    distance, length = run
    # The last bit is the sign.
    return _number(length) + _number(2 * abs(distance) + (distance < 0))


def _lines(runs: BytesIO):
    """Yields the lines of encoded runs."""
    known, end, count = dictionary().lines, 0, 0
    while (length := _read_number(runs)) is not None:
        count += length or 1
        if count > MOST_LINES:
            raise IndexError(count)
        if length:
            distance = _read_number(runs)
            if distance is None:
                raise IndexError(length)
            start = end + (-1 if distance % 2 else 1) * (distance // 2)
            end = start + length
            if not 0 <= start < end <= len(known):
                raise IndexError(start)
            yield from known[start:end]
        else:
            line = runs.readline()
            if not line.endswith(b"\n"):
                raise ValueError(line)
            yield line[:-1].decode()


def _number(value: int) -> bytes:
    """Encodes a number in groups of 7 bits, the lowest first (LEB128)."""
    groups = []
    while value > 127:
        groups.append(value % 128 + 128)
        value //= 128
    return bytes([*groups, value])


def _read_number(runs: BytesIO) -> int | None:
    """Decodes the next number, or returns `None` at the end."""
    value = 0
    for place in range(9):
        group = runs.read(1)
        if not group:
            break
        value += (group[0] % 128) << (7 * place)
        if group[0] < 128:
            return value
    if place == 0:
        return None
    raise IndexError(value)
