"""The dictionary: lines of generated files, which records refer to by number.

It is a part of kscaffold and only grows, so that newer versions can read all records.
"""

from functools import cache
from pathlib import Path

from .recipes import TEMPLATES

DICTIONARY = Path(TEMPLATES, "dictionary.txt")


class Dictionary:
    """Lines that records refer to by number.

    Attributes:
        lines: The lines. Lines may be added at the end, but never changed.
    """

    def __init__(self, lines: list[str]):
        """Indexes the lines."""
        self.lines = lines
        self._places = {}
        for number, line in enumerate(lines):
            self._places.setdefault(line, []).append(number)

    def runs(self, text: str) -> list[tuple[int, int] | str]:
        """Splits a text into runs of lines in the dictionary, and other lines.

        Returns:
            A pair of the first number and the length for a run, and any other line as
            a string.
        """
        lines, runs, at = text.split("\n"), [], 0
        while at < len(lines):
            start, length = self._longest(lines, at)
            runs.append((start, length) if length else lines[at])
            at += length or 1
        return runs

    def grow(self, text: str, shortest: int = 12) -> None:
        """Adds the lines of a text that the dictionary lacks.

        Neighbouring lines in short runs are added again, because a text with fewer runs
        has a shorter record.

        Args:
            text: The text.
            shortest: The length from which a run is not added again.
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
        """Adds lines, unless the dictionary has all of them."""
        if self._places.keys() >= set(lines):
            return
        for line in lines:
            self._places.setdefault(line, []).append(len(self.lines))
            self.lines.append(line)

    def _longest(self, lines: list[str], at: int) -> tuple[int, int]:
        """Finds the first of the longest runs at a certain line of a text."""
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
