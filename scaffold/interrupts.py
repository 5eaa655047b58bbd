"""Ends a command cleanly when a signal arrives: no half of a change, no leftovers.

Ctrl-C is a `KeyboardInterrupt` in Python. A command turns SIGTERM and SIGHUP into a
`SystemExit`, so that all three leave `with` blocks in the same way. While files are
replaced, signals wait.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: The exit status of a command that Ctrl-C ended, as in a shell.
INTERRUPTED = 128 + signal.SIGINT

#: Signals that end a program. Windows has no SIGHUP.
_ENDING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
]


def exit_on_signals() -> None:
    """Makes signals that would kill this process raise `SystemExit`.

    Signals that the parent process ignores, as `nohup` does, stay ignored.
    """
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL and _in_main_thread():
            signal.signal(number, _exit)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays the signals that arrive in a block until its end.

    It is for short blocks, such as the replacement of files. Outside the main thread,
    Python never runs handlers of signals, so nothing is delayed there.
    """
    if not _in_main_thread():
        yield
        return
    arrived = []
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    # A handler that was not installed by Python is `None`, and cannot be restored.
    delayed = [n for n, old in handlers.items() if old not in (None, signal.SIG_IGN)]
    for number in delayed:
        signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for number in delayed:
            signal.signal(number, handlers[number])
        if arrived:
            signal.raise_signal(arrived[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _exit(number: int, frame) -> None:
    sys.exit(128 + number)
