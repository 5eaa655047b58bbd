"""Runs the port and the original in child processes, and compares their results."""

import os
import tempfile
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from ...interrupts import uninterrupted
from ...regular_files import shown
from ..child_process import ChildProcess
from ..request import Request, VerifyError, parse_target
from ..verdict import Verdict, one_line
from ..worker_pool import IMPORT_LIMIT, INTERVAL
from . import exchange
from .check_list import RESULTS, TRAIN_STEPS, results_file
from .comparison import compare

#: The backends on which an original can train, and the packages to install for them.
BACKENDS = {"tensorflow": "tensorflow-cpu", "torch": "torch", "jax": "jax jaxlib"}


def run(request: Request, timeout: float = 120) -> list[dict]:
    """Compares a ported training step with the original on another backend.

    Args:
        request: The port, and with `against` and `against_backend` the original.
        timeout: How many seconds the training or an evaluation of a side may take.

    Returns:
        The verdicts, as dicts with the fields of `verdict.Verdict`.

    Raises:
        VerifyError: If the backend is not installed, a file cannot be imported, a model
            cannot be built, the weights cannot be paired, or the original fails.
    """
    _check_backend(request.against_backend)
    path, class_name = parse_target(request.against)
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    common = asdict(request) | {"folder": folder.name}
    original = common | {
        "path": path,
        "class_name": class_name,
        "build": _original_function(request, path),
    }
    sides = []
    try:
        sides += [_Child("port", common, "jax", timeout)]
        sides += [_Child("original", original, request.against_backend, timeout)]
        while not all(side.done for side in sides):
            time.sleep(INTERVAL)
            for side in sides:
                if (verdict := side.take_answers()) is not None:
                    return [verdict]
        verdicts = compare(*(side.results() for side in sides))
        return [{**verdict, "compared_with": request.against} for verdict in verdicts]
    finally:
        with uninterrupted():
            for side in sides:
                side.close()
            folder.cleanup()


def _check_backend(name: str) -> None:
    """Checks that a backend is installed."""
    if find_spec(name) is None:
        raise VerifyError(
            f"The original runs on {name}, which is not installed.",
            f"pip install {BACKENDS[name]}",
            code="package-missing",
        )


def _original_function(request: Request, path: str) -> str:
    """Returns `FILE:FUNCTION` that builds the original."""
    name = request.against_build or request.build.rpartition(":")[2] or "build_model"
    return name if ":" in name else f"{path}:{name}"


class _Child:
    """The child process of a side.

    Attributes:
        done: Whether it has written its results.
    """

    def __init__(self, side: str, request: dict, backend: str, timeout: float):
        """Starts the process.

        Args:
            side: `port` or `original`.
            request: Its request, with the folder that both sides share.
            backend: Its backend.
            timeout: How many seconds a check may take.
        """
        self.side, self.done, self.path = side, False, request["path"]
        self._folder, self._timeout = request["folder"], timeout
        self._running = ""
        self._expect_answer_within(IMPORT_LIMIT + timeout)
        env = {
            # Optimizing the small programs of eager execution takes longer than
            # running them.
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            **os.environ,
            "KERAS_BACKEND": backend,
            # Accelerators round otherwise.
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "-1",
            "KERAS_TORCH_DEVICE": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        files = Path(tempfile.mkdtemp(prefix=f"{side}-", dir=self._folder))
        self._child = ChildProcess(files, request | {"side": side}, env)

    def take_answers(self) -> dict | None:
        """Reads the new answers. Returns a verdict that ends the comparison, or `None`.

        Raises:
            VerifyError: If the side reports an error, or the original ends.
        """
        ended = self._child.has_ended()  # first: it may answer and end in between
        for answer in self._child.new_answers():
            match answer:
                case {"error": message, "hint": hint, "code": code}:
                    raise VerifyError(message, hint, code)
                case {"verdict": verdict}:
                    return verdict
                case {"begins": name}:
                    self.done = name == RESULTS
                    self._running = name
                    self._expect_answer_within(self._timeout)
        if self.done:
            return None
        if ended:
            return self._failure(self._child.end())
        if self._deadline <= time.monotonic():
            return self._failure(f"no result after {self._limit:g} s")
        return None

    def results(self) -> dict:
        """Returns the results.

        Raises:
            VerifyError: If they cannot be read.
        """
        try:
            return exchange.read(results_file(self._folder, self.side))
        except ValueError as error:
            raise VerifyError(
                f"The results of the {self.side} are lost: {error}.",
                "Files under test must not write to the temporary folder.",
            ) from error

    def close(self) -> None:
        """Ends the process."""
        self._child.close()

    def _expect_answer_within(self, seconds: float) -> None:
        self._limit, self._deadline = seconds, time.monotonic() + seconds

    def _failure(self, reason: str) -> dict:
        """Returns the verdict on a port that crashed or hung while it trained.

        Raises:
            VerifyError: If it did so before, or if it is the original.
        """
        self._child.end()
        last = one_line(self._child.last_line(), 200)
        reason += f": {last}" if last else ""
        if not self._running:
            raise VerifyError(
                f"Importing {shown(Path(self.path))} fails: {reason}.",
                "Make sure that Python can import the file.",
                code="import-failed",
            )
        if self.side == "original":
            raise VerifyError(
                f"The original fails in {self._running}: {reason}.",
                "Make it train with run_eagerly=True on its own backend first.",
            )
        return asdict(
            Verdict(
                *TRAIN_STEPS,
                "raises",
                reason,
                "The step, or a function that it calls, crashes or never returns.",
                "If it is only slow, raise --timeout.",
            )
        )
