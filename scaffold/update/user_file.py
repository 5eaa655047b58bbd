"""A file of the user: reads its text, and encodes a new text in the same form."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import MergeError, WriteError
from ..record import MOST_LINES
from ..regular_files import read, shown
from .block_merge import has_markers
from .blocks import is_python
from .line_matcher import opcodes

_BOM = "\ufeff"


@dataclass(frozen=True)
class UserFile:
    """A file on the disk.

    Attributes:
        path: The path of the file.
        content: The content, or `None` if the file does not exist.
        text: The text, with line feeds as line ends. Empty if there is no file.
        windows: For each line, whether it ends in CRLF.
        bom: The byte order mark, or an empty string.
    """

    path: Path
    content: bytes | None = None
    text: str = ""
    windows: tuple[bool, ...] = ()
    bom: str = ""

    @classmethod
    def existing(cls, path: Path) -> "UserFile":
        """Reads a file that must exist.

        Raises:
            WriteError: If it does not exist, or cannot be read.
            MergeError: Same as in `read()`.
        """
        file = cls.read(path)
        if file.content is None:
            raise WriteError(
                f"{shown(path)} does not exist.", "Check the path.", code="file-missing"
            )
        return file

    @classmethod
    def read(cls, path: Path) -> "UserFile":
        """Reads a file, which need not exist.

        Raises:
            WriteError: If it cannot be read.
            MergeError: If it is not UTF-8, is too long, or has unresolved conflicts.
        """
        content = read(path)
        if content is None:
            return cls(path)
        text = decoded(path, content)
        check_text(path, text)
        bom = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        windows = [line.endswith("\r") for line in text.split("\n")]
        text = text.replace("\r\n", "\n")
        check_resolved(path, text)
        return cls(path, content, text, tuple(windows), bom)

    def without_deleted(self, text: str, base: str) -> str:
        """Returns a generated text without the cells that the user deleted.

        Args:
            text: The generated text.
            base: The text as it was generated.
        """
        return text

    def located(self, text: str, conflicts: tuple, problems: tuple) -> tuple:
        """Returns conflicts and problems with their places in the file.

        Args:
            text: The new text.
            conflicts: The conflicts in it.
            problems: Sentences that may begin with the number of a line.
        """
        return conflicts, problems

    def encoded(self, text: str) -> str:
        """Returns a new text with the line ends and the byte order mark of the file.

        Lines that stay keep their line ends. New lines end in CRLF if most lines do.
        """
        crlf = 2 * sum(self.windows) > max(1, len(self.windows) - 1)
        lines = text.split("\n")
        ends = [crlf] * len(lines)
        if any(self.windows) and not all(self.windows[:-1]):
            for kind, i, j, k, n in opcodes(self.text.split("\n"), lines):
                if kind == "equal":
                    ends[k:n] = self.windows[i:j]
        *ended, last = zip(lines, ends, strict=True)
        text = "".join(line + ("\r\n" if end else "\n") for line, end in ended)
        return self.bom + text + last[0]


def decoded(path: Path, content: bytes) -> str:
    """Decodes a file.

    Raises:
        MergeError: If it is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MergeError(
            f"{shown(path)} is not UTF-8: {error.reason} at byte {error.start}.",
            "Save it as UTF-8.",
            code="file-not-text",
        ) from error


def check_text(path: Path, text: str) -> None:
    """Checks that a text can be merged.

    Raises:
        MergeError: If it has a null byte or half of a character, or is too long.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MergeError(
            f"{shown(path)} has half of a character: {error.reason}.",
            "Remove it. It is in no text.",
            code="file-not-text",
        ) from error
    if "\0" in text:
        raise MergeError(
            f"{shown(path)} has a null byte.",
            "Remove it. It is in no text.",
            code="file-not-text",
        )
    if text.count("\n") > MOST_LINES:
        raise MergeError(
            f"{shown(path)} has more than {MOST_LINES:,} lines.",
            "Move your data or some of your code to another file.",
            code="file-too-large",
        )


def check_resolved(path: Path, text: str) -> None:
    """Checks that a text has no unresolved conflicts.

    Raises:
        MergeError: If it has.
    """
    is_code = path.suffix in (".py", ".ipynb")
    half = is_code and re.search("^=======$", text, re.MULTILINE)
    if has_markers(text) or half and not is_python(text):
        raise MergeError(
            f"{shown(path)} has unresolved conflicts.",
            "Search for <<<<<<<, keep the lines you want, and remove the markers.",
            code="conflicts-unresolved",
        )
