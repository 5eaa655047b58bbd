"""A child process that runs a worker, and ends with everything that it started.

The file under test may close or write to every descriptor of its process, so no answer
goes through a pipe. The child's folder has the request and the answers as files.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from .answers import ANSWERS, REQUEST, AnswerReader

#: How many seconds the guard has to end its group, before the parent does it.
GRACE = 1.0

#: How many bytes of its output are kept on the disk, and how many are read.
MAX_OUTPUT, LAST_OUTPUT = 64 * 2**20, 64 * 2**10


class ChildProcess:
    """A process that runs `worker.py`, in a process group of its own."""

    def __init__(self, folder: Path, request: dict, env: dict[str, str]):
        """Starts the process.

        Args:
            folder: An empty folder for its files.
            request: What the worker is asked to do.
            env: Its environment variables.
        """
        (folder / REQUEST).write_text(json.dumps(request), encoding="ascii")
        self._answers = AnswerReader(folder / ANSWERS)
        # Appended to, so that it can be truncated while the process writes to it.
        self._output = open(folder / "output", "a+b")
        self._process = subprocess.Popen(
            # -P: files in the current folder must not shadow installed modules.
            [sys.executable, "-P", "-m", f"{__package__}.process_guard", str(folder)],
            stdin=subprocess.PIPE,  # its guard waits until the pipe is closed
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )

    def new_answers(self) -> list[dict]:
        """Returns the answers since the last call. Limits the size of its output."""
        if os.fstat(self._output.fileno()).st_size > MAX_OUTPUT:
            self._output.truncate(0)
        return self._answers.read()

    def has_ended(self) -> bool:
        """Returns whether the worker has ended. Its answers may not be read yet."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        # Until it is waited for, no other process can get the number of its group.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        except ChildProcessError:  # this process ignores SIGCHLD
            return True

    def end(self) -> str:
        """Ends the process, its group and its guard. Returns how the process ended."""
        if self._process.returncode is None:
            self._process.stdin.close()
            self._kill_group()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=GRACE)
        status = self._process.returncode
        if status is not None and status < 0:
            return f"the process ended by {signal.Signals(-status).name}"
        return f"the process ended with status {status}"

    def _kill_group(self) -> None:
        if not hasattr(os, "killpg"):
            self._process.kill()
            return
        limit = time.monotonic() + GRACE
        while not self.has_ended() and time.monotonic() < limit:
            time.sleep(0.002)
        # If the group is empty, it is an error. The kind depends on the system.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the process, and closes its output."""
        self.end()
        self._output.close()

    def last_line(self) -> str:
        """Returns the last line of its output that is not empty."""
        end = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(end - LAST_OUTPUT, 0))
        lines = self._output.read(LAST_OUTPUT).decode("utf-8", "replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "")
