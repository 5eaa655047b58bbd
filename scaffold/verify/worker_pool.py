"""Runs the checks in child processes, which may crash or hang.

This module imports neither Keras nor JAX, so that errors are reported at once.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import IO

from .request import Request, VerifyError


def verify(
    request: Request,
    timeout: float = 120,
    jobs: int = 2,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> list[dict]:
    """Runs the checks of a request in child processes.

    Args:
        request: The file to verify, and how.
        timeout: How many seconds a check may take before it counts as failed.
        jobs: The number of processes.
        progress: Called with the number of finished checks and of all checks.

    Returns:
        The verdicts, as dicts with the fields of `verdict.Verdict`.

    Raises:
        VerifyError: If the file cannot be imported, the class or check does not exist,
            or no check applies.
    """
    with tempfile.TemporaryDirectory() as cache:
        pool = _WorkerPool(request, timeout, jobs, cache)
        try:
            while pool.workers:
                pool.take_answer()
                progress(len(pool.verdicts), len(pool.groups))
        finally:
            pool.close()
    verdicts = [
        {**pool.verdicts[name], "group": group} for name, group in pool.groups.items()
    ]
    reasons = {v["detail"]: v["outcome"] for v in verdicts}
    if set(reasons.values()) == {"not applicable"}:
        hint = "Omit --only to run every check." if request.pattern else ""
        raise VerifyError(f"No check applies: {'; '.join(reasons)}.", hint)
    return verdicts


@dataclass
class _Worker:
    """A child process.

    Attributes:
        process: The process.
        errors: A file with its standard error.
        limit: How many seconds its next answer may take.
        deadline: When its next answer is due.
        names: The checks that it has not finished; `None` until it reports them.
        running: The check that it runs now.
    """

    process: subprocess.Popen
    errors: IO
    limit: float = 0
    deadline: float = 0
    names: list[str] | None = None
    running: str = ""

    def expect_answer_within(self, seconds: float) -> "_Worker":
        """Sets the deadline of the next answer."""
        self.limit, self.deadline = seconds, time.monotonic() + seconds
        return self


class _WorkerPool:
    """The child processes of one `verify()` call, and their verdicts so far."""

    def __init__(self, request: Request, timeout: float, jobs: int, cache: str):
        """Starts the processes. They share compiled programs in the folder `cache`."""
        self.request, self.timeout, self.cache = request, timeout, cache
        self.answers = queue.Queue()
        self.groups, self.verdicts = {}, {}
        self.workers = {n: self._start(n, share=[n, jobs]) for n in range(jobs)}

    def close(self) -> None:
        """Kills all processes."""
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()
            worker.errors.close()
        self.workers = {}

    def take_answer(self) -> None:
        """Waits for one answer, and gives up the processes past their deadline."""
        wait = min(w.deadline for w in self.workers.values()) - time.monotonic()
        try:
            number, process, answer = self.answers.get(timeout=max(wait, 0.01))
        except queue.Empty:
            for number, worker in list(self.workers.items()):
                if worker.deadline <= time.monotonic():
                    self._give_up(number, f"no result after {worker.limit:g} s")
            return
        worker = self.workers.get(number)
        if worker is None or worker.process is not process:
            return  # a late answer of a process that was given up
        if answer is None:
            status = process.wait()
            if worker.names is None or worker.names:
                self._give_up(number, f"the process ended with status {status}")
            else:
                self.workers.pop(number).errors.close()
        elif "error" in answer:
            raise VerifyError(answer["error"], answer["hint"])
        elif "groups" in answer:
            self.groups = answer["groups"]
            worker.names = answer["names"]
        elif "begins" in answer:
            worker.running = answer["begins"]
            worker.expect_answer_within(self.timeout)
        else:
            self.verdicts[worker.running] = answer["verdict"]
            worker.names.remove(worker.running)

    def _start(self, number: int, **share) -> _Worker:
        """Starts a process that runs a share of the checks."""
        env = {"JAX_PLATFORMS": "cpu", **os.environ, "KERAS_BACKEND": "jax"}
        flags = "--xla_force_host_platform_device_count=4"
        env["XLA_FLAGS"] = f"{flags} {env.get('XLA_FLAGS', '')}".strip()
        env["TF_CPP_MIN_LOG_LEVEL"] = "3"
        # JAX 0.5 crashes or computes wrong results with cached programs.
        old = tuple(map(int, version("jax").split(".")[:2])) < (0, 6)
        env["JAX_COMPILATION_CACHE_DIR"] = "" if old else self.cache
        env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        errors = tempfile.TemporaryFile()
        process = subprocess.Popen(
            # -P: files in the current folder must not shadow installed modules.
            [sys.executable, "-P", "-m", "scaffold.verify.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
        )
        with process.stdin as pipe, suppress(BrokenPipeError):
            pipe.write(json.dumps({**asdict(self.request), **share}).encode() + b"\n")
        read = partial(_read_answers, number, process, self.answers)
        threading.Thread(target=read, daemon=True).start()
        # The first answer also waits for the imports of Keras and of the file.
        return _Worker(process, errors).expect_answer_within(60 + self.timeout)

    def _give_up(self, number: int, reason: str) -> None:
        """Kills a process, fails its check, and starts a process for the others."""
        worker = self.workers.pop(number)
        worker.process.kill()
        worker.process.wait()
        worker.errors.seek(0)
        output = worker.errors.read().decode("utf-8", "replace").strip().splitlines()
        worker.errors.close()
        reason += f": {output[-1][:200]}" if output else ""
        if not worker.running:
            raise VerifyError(
                f"Importing {self.request.path} fails: {reason}.",
                "Make sure that Python can import the file.",
            )
        self.verdicts[worker.running] = {
            "name": worker.running,
            "outcome": "raises",
            "detail": reason,
            "cause": "The step, or a function that it calls, crashes or never returns.",
            "fix": f"Run this check alone with --only {worker.running!r}. If it is "
            "only slow, raise --timeout.",
            "builds_on": [],
            "parts": [],
        }
        left = [name for name in worker.names if name != worker.running]
        if left:
            self.workers[number] = self._start(number, names=left)


def _read_answers(number: int, process: subprocess.Popen, answers: queue.Queue) -> None:
    """Puts the answers of a process into a queue, and `None` when it ends."""
    for line in process.stdout:
        with suppress(ValueError):  # an incomplete line: the process died
            answers.put((number, process, json.loads(line)))
    answers.put((number, process, None))
