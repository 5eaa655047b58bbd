"""Runs `kscaffold verify`: the cases in child processes, which may crash or hang.

This module imports neither Keras nor JAX: errors come at once.
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
from importlib.util import find_spec
from typing import IO

from ..errors import KscaffoldError


class VerifyError(KscaffoldError):
    """The file cannot be verified: it is not there, not Python, or has no model."""


@dataclass(frozen=True)
class Request:
    """What to verify.

    Attributes:
        path: The file.
        class_name: The class in it, or nothing for the only one.
        loss: The Keras name of its loss, or `None`.
        metrics: The Keras names of its metrics.
        build: `FILE:FUNCTION` that builds the model, or nothing.
        pattern: A part of the names of the cases to run, or nothing for all.
        quick: Whether to run only the cases that catch most mistakes.
    """

    path: str
    class_name: str = ""
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    build: str = ""
    pattern: str = ""
    quick: bool = False


def parse_target(target: str) -> tuple[str, str]:
    """Splits `FILE[:CLASS]`, and checks that the file is Python.

    Raises:
        VerifyError: If there is no such file, or it is not Python.
    """
    path, colon, name = target.rpartition(":")
    if not colon or (not path.endswith(".py") and os.path.exists(target)):
        path, name = target, ""
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except OSError as error:
        raise VerifyError(
            f"{path}: {error.strerror}.",
            "Name a Python file, FILE.py or FILE.py:CLASS.",
        ) from error
    except (SyntaxError, ValueError) as error:
        raise VerifyError(f"{path} is not Python: {error}.") from error
    return path, name


def check_environment() -> None:
    """Refuses to start where no step can run.

    Raises:
        VerifyError: If Keras or JAX is missing, or another backend is chosen.
    """
    missing = [name for name in ("keras", "jax") if find_spec(name) is None]
    if missing:
        raise VerifyError(
            f"{' and '.join(missing)} must be installed to run a training step.",
            "pip install 'kscaffold[jax]'",
        )
    backend = os.environ.get("KERAS_BACKEND") or "jax"
    if backend != "jax":
        raise VerifyError(
            f"KERAS_BACKEND is {backend!r}, but only JAX's steps can be verified.",
            "Set KERAS_BACKEND=jax, or unset it.",
        )


def verify(
    request: Request,
    timeout: float = 120,
    jobs: int = 2,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> list[dict]:
    """Runs the cases of a request in child processes.

    Args:
        request: What to verify.
        timeout: How many seconds a case may take before it counts as failed.
        jobs: How many processes to use.
        progress: Called with how many cases are done, and how many there are.

    Returns:
        The verdicts, as dicts of the fields of `verdict.Verdict`.

    Raises:
        VerifyError: If the file cannot be imported, has no such class or case, or if
            no case applies.
    """
    with tempfile.TemporaryDirectory() as cache:
        run = _Run(request, timeout, jobs, cache)
        try:
            while run.workers:
                run.step()
                progress(len(run.verdicts), len(run.plan))
        finally:
            run.close()
    verdicts = [
        {**run.verdicts[name], "group": group} for name, group in run.plan.items()
    ]
    reasons = {v["detail"]: v["outcome"] for v in verdicts}
    if set(reasons.values()) == {"not applicable"}:
        raise VerifyError(f"None of these cases applies: {'; '.join(reasons)}.")
    return verdicts


@dataclass
class _Worker:
    """A child process: what it has still to do, and when it must have answered."""

    process: subprocess.Popen
    errors: IO
    limit: float = 0
    deadline: float = 0
    names: list[str] | None = None
    now: str = ""

    def waiting(self, seconds: float) -> "_Worker":
        """Sets how long it may take until its next answer."""
        self.limit, self.deadline = seconds, time.monotonic() + seconds
        return self


class _Run:
    """The child processes of one call of `verify()`, and what they have answered."""

    def __init__(self, request: Request, timeout: float, jobs: int, cache: str):
        """Starts the processes; they share what they compile in a folder."""
        self.request, self.timeout, self.cache = request, timeout, cache
        self.answers = queue.Queue()
        self.plan, self.verdicts = {}, {}
        self.workers = {n: self._start(n, share=[n, jobs]) for n in range(jobs)}

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()
            worker.errors.close()
        self.workers = {}

    def step(self) -> None:
        """Takes one answer, or finds out which process was silent for too long."""
        wait = min(w.deadline for w in self.workers.values()) - time.monotonic()
        try:
            number, process, answer = self.answers.get(timeout=max(wait, 0.01))
        except queue.Empty:
            for number, worker in list(self.workers.items()):
                if worker.deadline <= time.monotonic():
                    self._lose(number, f"no result after {worker.limit:g} s")
            return
        worker = self.workers.get(number)
        if worker is None or worker.process is not process:
            return  # the last words of a process that was given up
        if answer is None:
            status = process.wait()
            if worker.names is None or worker.names:
                self._lose(number, f"the process ended with status {status}")
            else:
                self.workers.pop(number).errors.close()
        elif "error" in answer:
            raise VerifyError(answer["error"], answer["hint"])
        elif "plan" in answer:
            self.plan = answer["plan"]
            worker.names = answer["names"]
        elif "begins" in answer:
            worker.now = answer["begins"]
            worker.waiting(self.timeout)
        else:
            self.verdicts[worker.now] = answer["verdict"]
            worker.names.remove(worker.now)

    def _start(self, number: int, **share) -> _Worker:
        env = {"JAX_PLATFORMS": "cpu", **os.environ, "KERAS_BACKEND": "jax"}
        flags = "--xla_force_host_platform_device_count=4"
        env["XLA_FLAGS"] = f"{flags} {env.get('XLA_FLAGS', '')}".strip()
        env["TF_CPP_MIN_LOG_LEVEL"] = "3"
        # JAX 0.5 crashes, or trains wrongly, with programs that it takes from there.
        old = tuple(map(int, version("jax").split(".")[:2])) < (0, 6)
        env["JAX_COMPILATION_CACHE_DIR"] = "" if old else self.cache
        env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        errors = tempfile.TemporaryFile()
        process = subprocess.Popen(
            # -P: a file of this folder must not take the place of a module.
            [sys.executable, "-P", "-m", "scaffold.verify.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
        )
        with process.stdin as pipe, suppress(BrokenPipeError):
            pipe.write(json.dumps({**asdict(self.request), **share}).encode() + b"\n")
        read = partial(_read, number, process, self.answers)
        threading.Thread(target=read, daemon=True).start()
        # Importing Keras and the file comes on top of the first case.
        return _Worker(process, errors).waiting(60 + self.timeout)

    def _lose(self, number: int, reason: str) -> None:
        """Gives up a process, notes why, and lets another one go on."""
        worker = self.workers.pop(number)
        worker.process.kill()
        worker.process.wait()
        worker.errors.seek(0)
        said = worker.errors.read().decode("utf-8", "replace").strip().splitlines()
        worker.errors.close()
        reason += f": {said[-1][:200]}" if said else ""
        if not worker.now:
            raise VerifyError(f"{self.request.path} cannot be imported: {reason}.")
        self.verdicts[worker.now] = {
            "name": worker.now,
            "outcome": "raises",
            "detail": reason,
            "cause": "The step, or what it calls, crashes or does not come back.",
            "fix": "Run it alone (--only), with a longer --timeout if it is only slow.",
            "builds_on": [],
            "parts": [],
        }
        left = [name for name in worker.names if name != worker.now]
        if left:
            self.workers[number] = self._start(number, names=left)


def _read(number: int, process: subprocess.Popen, answers: queue.Queue) -> None:
    """Hands on what a process answers; `None` when it has ended."""
    for line in process.stdout:
        with suppress(ValueError):  # a line that the process died in
            answers.put((number, process, json.loads(line)))
    answers.put((number, process, None))
