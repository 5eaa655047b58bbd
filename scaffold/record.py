"""The record of a file: its text as it was generated, as one word in a last comment.

`update` needs that text for its three-way merge, on any machine and with any later
version. So it travels in the file, and is short because most lines of it are in a
dictionary that comes with kscaffold and only ever grows: a word says which runs of
lines to copy, and spells out the others. docs/update.md tells why.
"""

import base64
import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import RecordError
from .recipes import TEMPLATES

DICTIONARY = Path(TEMPLATES, "dictionary.txt")
#: Begins the line with the record of a file; alone, it is the place for one.
MARK = "# kscaffold:base:"
#: What a linter needs behind a line that may be long.
EXCUSE = "  # noqa: E501"
LINE = re.compile(rf"^{MARK}(?P<word>\S*)(?:{EXCUSE})?$", re.MULTILINE)


class Record(NamedTuple):
    """A text as it was generated.

    Attributes:
        text: The text, with `MARK` alone where a file has its own record.
        styles: Black's settings that differ from its defaults, as `mode_settings()`
            returns them: those that the text was generated with, then those that it
            was formatted with afterwards.
    """

    text: str
    styles: tuple[dict, ...] = ({},)

    @property
    def word(self) -> str:
        """The record as a word of letters, digits, `-` and `_`."""
        styles = "" if self.styles == ({},) else json.dumps(self.styles)
        runs = _distances(dictionary().runs(self.text))
        content = b"".join(
            [_checksum(styles, self.text), styles.encode(), b"\n", *map(_encode, runs)]
        )
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    @property
    def line(self) -> str:
        """The line with the record, in a file of its style."""
        line = MARK + self.word
        is_long = len(line) > self.styles[-1].get("line_length", 88)
        return line + EXCUSE if is_long else line

    def put_into(self, text: str) -> str:
        """Returns a text with the record in the place for it."""
        return LINE.sub(lambda match: self.line, text)

    @classmethod
    def of_word(cls, word: str) -> "Record":
        """Returns the record that a word holds.

        Raises:
            RecordError: If it is damaged, or was made with a newer dictionary.
        """
        try:
            content = base64.b64decode(
                word + "=" * (-len(word) % 4), altchars=b"-_", validate=True
            )
            checksum, (styles, runs) = content[:4], content[4:].split(b"\n", 1)
            text, styles = "\n".join(_lines(runs)), styles.decode()
        except (ValueError, IndexError) as error:
            raise RecordError("it is damaged") from error
        if _checksum(styles, text) != checksum:
            raise RecordError("it is damaged")
        return cls(text, tuple(json.loads(styles)) if styles else ({},))


class Dictionary:
    """Lines that records refer to by their numbers.

    Attributes:
        lines: The lines. None may ever change: more may follow them.
    """

    def __init__(self, lines: list[str]):
        """Finds the places of each line."""
        self.lines = lines
        self._places = {}
        for number, line in enumerate(lines):
            self._places.setdefault(line, []).append(number)

    def runs(self, text: str) -> list[tuple[int, int] | str]:
        """Splits a text into runs of lines of the dictionary and lines that are not.

        Returns:
            For a run, its first number and its length; for another line, the line.
        """
        lines, runs, at = text.split("\n"), [], 0
        while at < len(lines):
            start, length = self._longest(lines, at)
            runs.append((start, length) if length else lines[at])
            at += length or 1
        return runs

    def grow(self, text: str, shortest: int = 12) -> None:
        """Adds the lines of a text that are not known, if there are any.

        Lines beside them are added again, if they are in short runs only: the fewer
        runs a text has, the shorter is its record.

        Args:
            text: The text.
            shortest: The length of a run that is not added again.
        """
        lines, part, at = text.split("\n"), [], 0
        while at < len(lines):
            _, length = self._longest(lines, at)
            if length >= shortest:
                self._add(part)
                part = []
            else:
                length = 1
                part.append(lines[at])
            at += length
        self._add(part)

    def _add(self, lines: list[str]) -> None:
        """Adds lines, if one of them is new."""
        if self._places.keys() >= set(lines):
            return
        for line in lines:
            self._places.setdefault(line, []).append(len(self.lines))
            self.lines.append(line)

    def _longest(self, lines: list[str], at: int) -> tuple[int, int]:
        """Finds the longest run that begins a part of a text; of two, the first."""
        best = (0, 0)
        for start in self._places.get(lines[at], ()):
            length, most = 1, min(len(lines) - at, len(self.lines) - start)
            while length < most and lines[at + length] == self.lines[start + length]:
                length += 1
            if length > best[1]:
                best = (start, length)
        return best


@cache
def dictionary() -> Dictionary:
    """Reads the dictionary."""
    return Dictionary(DICTIONARY.read_bytes().decode().split("\n"))


def _checksum(styles: str, text: str) -> bytes:
    """Returns four bytes that differ if a letter of a record does."""
    return zlib.crc32(f"{styles}\n{text}".encode()).to_bytes(4, "big")


def _distances(runs):
    """Yields runs with the distance from the end of the last one, and other lines."""
    end = 0
    for run in runs:
        if isinstance(run, str):
            yield run
        else:
            yield run[0] - end, run[1]
            end = sum(run)


def _encode(run: tuple[int, int] | str) -> bytes:
    """Writes a run as its length and distance, a line as length 0 and its text."""
    if isinstance(run, str):
        return _number(0) + run.encode() + b"\n"
    distance, length = run
    # The sign goes into the last bit.
    return _number(length) + _number(2 * abs(distance) + (distance < 0))


def _lines(content: bytes):
    """Yields the lines of encoded runs."""
    known, end = dictionary().lines, 0
    while content:
        length, content = _read_number(content)
        if length:
            distance, content = _read_number(content)
            start = end + (-1 if distance % 2 else 1) * (distance // 2)
            end = start + length
            if not 0 <= start < end <= len(known):
                raise IndexError(start)
            yield from known[start:end]
        else:
            line, content = content.split(b"\n", 1)
            yield line.decode()


def _number(value: int) -> bytes:
    """Writes a number in groups of 7 bits, the lowest first (LEB128)."""
    groups = []
    while value > 127:
        groups.append(value % 128 + 128)
        value //= 128
    return bytes([*groups, value])


def _read_number(content: bytes) -> tuple[int, bytes]:
    """Reads a number, and returns what follows it."""
    value = 0
    for place, byte in enumerate(content):
        value += (byte % 128) << (7 * place)
        if byte < 128:
            return value, content[place + 1 :]
    raise IndexError(len(content))
