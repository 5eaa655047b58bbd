"""What an update would do, before it does it."""

from dataclasses import dataclass
from pathlib import Path

from ..spec import Spec
from .block_merge import Conflict


@dataclass(frozen=True)
class FileUpdate:
    """What becomes of a file.

    Attributes:
        path: Where it is.
        old: Its bytes, or `None` if there is no such file.
        text: What it becomes, or `None` for no file.
        conflicts: The lines that both sides changed.
        problems: What else a person must look at, as sentences.
    """

    path: Path
    old: bytes | None
    text: str | None
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def new(self) -> bytes | None:
        """The bytes that it becomes."""
        return None if self.text is None else self.text.encode()

    @property
    def changes(self) -> bool:
        """Whether the file becomes another."""
        return self.old != self.new

    @property
    def needs_a_look(self) -> bool:
        """Whether the update could not settle everything alone."""
        return bool(self.conflicts or self.problems)


@dataclass(frozen=True)
class UpdatePlan:
    """What becomes of the files of a target.

    Attributes:
        target: What was named.
        command: The command that would generate it.
        spec: The options, with the change.
        files: What becomes of each file.
    """

    target: str
    command: str
    spec: Spec
    files: tuple[FileUpdate, ...]

    @property
    def changes(self) -> bool:
        """Whether a file becomes another."""
        return any(file.changes for file in self.files)

    @property
    def needs_a_look(self) -> bool:
        """Whether something is left to a person."""
        return any(file.needs_a_look for file in self.files)
