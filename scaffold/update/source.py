"""The text of a user's file: how it is read, and how it is written in the same form."""

from dataclasses import dataclass
from pathlib import Path

from ..comparing import read
from ..errors import MergeError, WriteError
from ..writing import shown
from .merging import has_markers

_BOM = "\ufeff"


@dataclass(frozen=True)
class Source:
    """A file as it is on the disk.

    Attributes:
        path: Where it is.
        content: Its bytes, or `None` if there is no such file.
        text: Its text with line feeds as line ends, empty without a file.
        line_end: Its line ends: CRLF if most of them are.
        bom: The mark that some editors put before UTF-8, or an empty string.
    """

    path: Path
    content: bytes | None = None
    text: str = ""
    line_end: str = "\n"
    bom: str = ""

    @classmethod
    def existing(cls, path: Path) -> "Source":
        """Reads a file that must be there.

        Raises:
            WriteError: If it is not, or cannot be read.
            MergeError: As `read()`.
        """
        source = cls.read(path)
        if source.content is None:
            raise WriteError(f"{shown(path)} does not exist.", "Name a file that does.")
        return source

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Reads a file, if there is one.

        Raises:
            WriteError: If it cannot be read.
            MergeError: If it is not UTF-8, or has conflicts that are not resolved.
        """
        content = read(path)
        if content is None:
            return cls(path)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MergeError(
                f"{shown(path)} is not UTF-8: {error.reason} at byte {error.start}.",
                "Save it as UTF-8.",
            ) from error
        bom = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        crlf = text.count("\r\n")
        line_end = "\r\n" if 2 * crlf > text.count("\n") else "\n"
        text = text.replace(line_end, "\n")
        if has_markers(text):
            raise MergeError(
                f"{shown(path)} has conflicts that are not resolved.",
                "Look for <<<<<<<, keep what you want, and remove the markers.",
            )
        return cls(path, content, text, line_end, bom)

    def encoded(self, text: str) -> str:
        """Returns a new text of the file, with its line ends and its mark."""
        if text == self.text and self.content is not None:
            # Some line ends may be others.
            return self.content.decode()
        return self.bom + text.replace("\n", self.line_end)
