"""The folder of `--out`: one training at a time, and files replaced in one step."""

import os
from contextlib import contextmanager, suppress

import jax

from . import InputError
from .processes import together

try:
    import fcntl
except ImportError:  # Windows has no locks of folders.
    fcntl = None

#: How the names of files start that are still being written.
UNFINISHED = "new-0-"


@contextmanager
def locked(folder):
    """Keeps other trainings out of a folder inside a `with` block.

    The lock ends with the process, even after `kill -9`. Of several processes, process
    0 holds it.

    Args:
        folder: The `Path` of the folder. It is created, and removed again if it is
            still empty at the end.

    Raises:
        InputError: If the folder cannot be used, or if another training uses it.
    """
    is_new, lock = not os.path.lexists(folder), None
    with together():
        if jax.process_index() == 0:
            lock = lock_folder(folder)
    try:
        yield
    finally:
        if is_new:
            with suppress(OSError):  # It has files.
                folder.rmdir()
        if lock is not None:
            os.close(lock)


def lock_folder(folder):
    """Creates and locks a folder. Returns the file descriptor that holds the lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            return None
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise InputError(
            f"Another training uses {folder}. Wait for its end, or name another folder "
            "with --out."
        ) from error
    except OSError:
        pass  # Some network file systems have no locks.
    return lock


@contextmanager
def replacing(path):
    """Yields a temporary path, and moves what is written there to `path`.

    Raises:
        InputError: If the file cannot be written. The old one stays.
    """
    temporary = path.with_name(UNFINISHED + path.name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        can_resume = os.path.exists(path.with_name("checkpoint.npz"))
        raise InputError(
            f"{path} cannot be saved: {error.strerror or error}. Fix the cause, then "
            f"{'continue with --resume' if can_resume else 'start again'}."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_unfinished(folder):
    """Removes files that a kill left unfinished."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            path.unlink()
