"""Publishes rendered files: each whole or not at all, and never over another's."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import WriteError

if TYPE_CHECKING:
    from .rendering import RenderedFile

#: What a file system without hard links answers to `os.link()`, always the same one.
NO_HARD_LINKS = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
)


def write(files: Iterable["RenderedFile"], force: bool = False) -> list[Path]:
    """Writes files, each in one step: whole or not at all.

    Whenever the process is killed, a file is absent, old or new, never partial. If
    one file cannot be written, those before it are taken back, with their folders.

    Args:
        files: What `render()` returned.
        force: Whether files that exist are overwritten.

    Returns:
        The paths that were written.

    Raises:
        WriteError: If a file exists, with the same content or another, or cannot be
            written. All files are checked before the first is written.
    """
    contents = [(Path(file.path), encode(file)) for file in files]
    check_writable([path for path, _ in contents], force)
    with ExitStack() as undo:
        for path, content in contents:
            with file_errors(path):
                _make_folders(path.parent, undo)
                # What is published last is never taken back.
                restore = None if path == contents[-1][0] else _restorer(path)
                _publish(path, content, force)
                if restore:
                    undo.callback(restore)
        undo.pop_all()
    return [path for path, _ in contents]


def _make_folders(folder: Path, undo: ExitStack) -> None:
    """Makes a folder and those above it; `undo` removes those that were not there."""
    missing = [f for f in (folder, *folder.parents) if not os.path.lexists(f)]
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        undo.callback(_remove_folder, new)
    folder.mkdir(exist_ok=True)  # raises if it is something else


def _remove_folder(folder: Path) -> None:
    # Another program may have put something there.
    with suppress(OSError):
        folder.rmdir()


def _restorer(path: Path) -> Callable[[], None]:
    """Returns a function that makes a file what it is now: absent, or its bytes."""
    # Of a link, that is the file that it points to.
    target = Path(os.path.realpath(path))
    old = target.read_bytes() if target.is_file() else None

    def restore():
        if old is None:
            target.unlink(missing_ok=True)
        else:
            _publish(target, old, force=True)

    return restore


def check_writable(paths: Iterable[str | Path], force: bool = False) -> None:
    """Refuses what `write()` would refuse, as far as can be known before.

    Raises:
        WriteError: If a path exists and `force` is not set, or cannot be a file.
    """
    existing = []
    for path in map(Path, paths):
        if str(path) == "-":
            raise WriteError("- is standard output, not a file.", "Print the text.")
        with file_errors(path):
            taken, is_folder = _taken(path), path.is_dir()
        if is_folder:
            raise WriteError(f"{shown(path)} is a folder.", "Name a file.")
        if taken and not force:
            existing.append(path)
    if existing:
        raise _exists(*existing)


def encode(file: "RenderedFile") -> bytes:
    """Returns the bytes of a file: UTF-8, and line feeds as they are.

    Raises:
        WriteError: If the text cannot be encoded.
    """
    try:
        return file.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise WriteError(f"{shown(file.path)} cannot be encoded: {error}.") from error


def _publish(path: Path, content: bytes, force: bool) -> None:
    """Writes a file beside its target, then gives it the target's name."""
    # What a link points to is overwritten, not the link.
    target = Path(os.path.realpath(path)) if force else path
    # Not derived from the target's name, which may be as long as names can be.
    temporary = target.parent / f".kscaffold-{os.urandom(8).hex()}.tmp"
    try:
        _save(temporary, content)
        if force:
            _replace(temporary, target)
        else:
            _link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _save(path: Path, content: bytes) -> None:
    """Writes a new file, down to the disk, with the mode that the umask allows."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(temporary: Path, target: Path) -> None:
    """Puts a file in the place of another, or of none; the other's mode stays."""
    with suppress(FileNotFoundError):
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    os.replace(temporary, target)


def _link(temporary: Path, target: Path) -> None:
    """Gives a file its name, unless another has it.

    A hard link fails if the name is taken: of two processes that race for it exactly
    one wins, whoever the other is.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        _rename(temporary, target)


def _rename(temporary: Path, target: Path) -> None:
    """Gives a file its name, unless another has it, without a hard link.

    Of several kscaffolds on one machine exactly one wins: each locks the folder while
    it looks and renames, and a lock dies with its process. The target is never
    partial. What is not excluded is that another program makes the target in the
    moment between; only a hard link, or Windows, can do that.
    """
    if os.name == "nt":
        _rename_on_windows(temporary, target)
        return
    import fcntl

    folder = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(target):
            raise _exists(target)
        os.rename(temporary, target)
    finally:
        os.close(folder)


def _rename_on_windows(temporary: Path, target: Path) -> None:
    """Renames a file: Windows refuses if the target exists."""
    try:
        os.rename(temporary, target)
    except FileExistsError:
        raise _exists(target) from None


def _taken(path: Path) -> bool:
    """Says whether something has that name: a link to nowhere is something too."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _exists(*paths: Path) -> WriteError:
    names = ", ".join(shown(path) for path in paths)
    verb = "exist" if len(paths) > 1 else "exists"
    return WriteError(
        f"{names} {verb} already.",
        "--diff shows what would change, --force overwrites.",
    )


def shown(path: Path) -> str:
    """Returns a path as it can be shown, whatever bytes are in it."""
    return str(path) if str(path).isprintable() else repr(str(path))


@contextmanager
def file_errors(path: Path, verb: str = "written") -> Iterator[None]:
    """Turns what the system refuses into an error that names the file."""
    try:
        yield
    # A NUL in a path is a ValueError.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WriteError(f"{shown(path)} cannot be {verb}: {reason}.") from error
