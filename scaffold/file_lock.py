"""Lets one command at a time change a file or a project."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import WriteError
from .regular_files import shown

#: How many seconds a command waits for another one.
WAIT = 5.0

#: The paths that this process has locked.
_HELD = set()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Locks a file or a folder that exists. Any other path is not locked.

    A path that this process has locked already is not locked again.

    The lock is on the file itself, so nothing is left beside it, and it ends with its
    process, even if that is killed. Windows and some network file systems have no such
    locks. There, two updates at the same time are found by comparing the file again
    before it is replaced.

    Raises:
        WriteError: If another command has the lock for more than `WAIT` seconds.
    """
    real = os.path.realpath(path)
    descriptor = None if real in _HELD else _acquired(path)
    if descriptor is None:
        yield
        return
    _HELD.add(real)
    try:
        yield
    finally:
        _HELD.discard(real)
        os.close(descriptor)


def _acquired(path: Path) -> int | None:
    """Returns a descriptor that holds the lock, or `None` if there is no lock."""
    try:
        import fcntl
    except ImportError:  # on Windows
        return None
    deadline = time.monotonic() + WAIT
    while os.path.isfile(path) or os.path.isdir(path):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None  # who reads the file reports this
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have replaced the file by a new one.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise WriteError(
                    f"Another command is changing {shown(path)}.",
                    "Run this one again when the other has ended.",
                    code="file-locked",
                ) from None
            time.sleep(0.02)
        except OSError:
            os.close(descriptor)
            return None  # a file system without locks
        with suppress(OSError):
            os.close(descriptor)
    return None
