"""Finds the files of a project, also those that the user moved."""

import difflib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import KscaffoldError
from ..record import LINE as RECORD
from ..record import Record
from .module_merge import neutral
from .user_file import UserFile

#: How much of a moved file is as it was, at least: what git asks for.
SIMILAR = 0.5
#: Folders without files of the user's; nor are there any in hidden ones.
SKIPPED = ("__pycache__", "build", "dist", "node_modules", "runs")


def locate(folder: Path, bases: dict[str, Record]) -> dict[str, UserFile]:
    """Finds the files of a project.

    Args:
        folder: The project.
        bases: The texts as they were generated, by their paths in the project.

    Returns:
        The file of each base: where it was, or else the one with the same ending that
        resembles it most. It has no content if there is none.
    """
    sources = {path: UserFile.read(folder / path) for path in bases}
    missing = [path for path, source in sources.items() if source.content is None]
    if missing:
        suffixes = {Path(path).suffix for path in missing}
        others = {}
        for path in files_below(folder):
            known = path.relative_to(folder).as_posix() in bases
            if path.suffix in suffixes and not known:
                # What cannot be read is not one of these.
                with suppress(KscaffoldError):
                    others[path] = UserFile.read(path)
        for path in missing:
            nearest = _nearest(bases[path], Path(path).suffix, others)
            if nearest is not None:
                sources[path] = others.pop(nearest)
    return sources


def files_below(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, without hidden ones, environments and caches."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and not (
            path.name in SKIPPED
            or path.suffix == ".egg-info"
            or (path / "pyvenv.cfg").exists()
        ):
            yield from files_below(path)


def _nearest(base: Record, suffix: str, others: dict[Path, UserFile]) -> Path | None:
    """Returns the file that resembles a base most, if it does so enough."""
    ratios = {
        path: difflib.SequenceMatcher(
            None,
            neutral(base.text).split("\n"),
            neutral(source.text).split("\n"),
            False,
        ).ratio()
        for path, source in others.items()
        # What has the record of another text is another file.
        if path.suffix == suffix and RECORD.findall(source.text) in ([], [base.word])
    }
    nearest = max(ratios, key=ratios.get, default=None)
    return nearest if ratios.get(nearest, 0) >= SIMILAR else None
