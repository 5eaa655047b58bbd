"""The plan of an update: the new text of each file, and its conflicts."""

from dataclasses import dataclass
from pathlib import Path

from ..spec import Spec
from .block_merge import Conflict


@dataclass(frozen=True)
class FileUpdate:
    """The update of one file.

    Attributes:
        path: The path of the file.
        old: The old content, or `None` if the file does not exist.
        text: The new text, or `None` to remove the file.
        conflicts: The lines that both sides changed.
        problems: Other things that the user must look at, in words.
    """

    path: Path
    old: bytes | None
    text: str | None
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def new(self) -> bytes | None:
        """The new content, or `None`."""
        return None if self.text is None else self.text.encode()

    @property
    def changes(self) -> bool:
        """Whether the content of the file changes."""
        return self.old != self.new

    @property
    def needs_a_look(self) -> bool:
        """Whether the user must look at the file."""
        return bool(self.conflicts or self.problems)


@dataclass(frozen=True)
class UpdatePlan:
    """The update of a module or a project.

    Attributes:
        target: The module or the project, as the user named it.
        command: The command that generates the target with the new options.
        spec: The new options.
        files: The updates of the files.
    """

    target: str
    command: str
    spec: Spec
    files: tuple[FileUpdate, ...]

    @property
    def changes(self) -> bool:
        """Whether the content of a file changes."""
        return any(file.changes for file in self.files)

    @property
    def needs_a_look(self) -> bool:
        """Whether the user must look at a file."""
        return any(file.needs_a_look for file in self.files)
