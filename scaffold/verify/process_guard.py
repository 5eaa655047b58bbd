"""Starts a worker with a guard: a process that ends it when kscaffold ends.

The guard leads the worker's process group, and waits for two events. If the worker
ends, the guard ends in the same way. If its standard input, a pipe from kscaffold, is
closed, it kills the group. The system closes the pipe even if kscaffold is killed.

The worker is imported after the fork, because some of its imports start threads.
"""

import os
import select
import signal
from typing import NoReturn

#: How often the guard looks whether the worker has ended, in seconds.
INTERVAL = 0.02


def main() -> None:
    """Forks, guards the worker in the parent, and runs it in the child.

    Windows has no `fork()`, so there the worker has no guard.
    """
    if hasattr(os, "fork"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # it may be ignored
        worker = os.fork()
        if worker:
            _guard(worker)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    from .worker import run

    run()


def _guard(worker: int) -> NoReturn:
    """Waits until the worker ends or standard input is closed, and ends."""
    while True:
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            _end_like(os.waitstatus_to_exitcode(status))
        closed, _, _ = select.select([0], [], [], INTERVAL)
        if closed:
            # The worker may have left the group. It is waited for because some
            # containers have no process that does so for orphans.
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            os.killpg(0, signal.SIGKILL)


def _end_like(status: int) -> NoReturn:
    """Ends with an exit status, or by a signal if the status is negative."""
    if status < 0:
        import resource

        # The worker has dumped its memory already, if memory is to be dumped.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main()
