"""Runs the checks in child processes, which may crash or hang.

This module imports neither Keras nor JAX, so that errors are reported at once.
"""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from ..interrupts import uninterrupted
from ..regular_files import shown
from .causes import of_ended_process
from .child_process import ChildProcess
from .request import TOO_DEEP, Request, VerifyError, import_hint
from .verdict import Verdict, one_line

#: How many seconds a worker may take to import Keras, beside the limit of a check.
IMPORT_LIMIT = 60

#: How often the answers are read, in seconds.
INTERVAL = 0.02


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
    with pool_folder() as folder:
        pool = WorkerPool(request, timeout, folder)
        pool.run(jobs, progress)
    verdicts = [
        {**pool.verdicts[name], "group": group} for name, group in pool.groups.items()
    ]
    reasons = {v["detail"]: v["outcome"] for v in verdicts}
    if set(reasons.values()) == {"not applicable"}:
        hint = "Omit --only to run every check." if request.pattern else ""
        raise VerifyError(
            f"No check applies: {'; '.join(reasons)}.", hint, code="checks-inapplicable"
        )
    return verdicts


@contextmanager
def pool_folder() -> Iterator[Path]:
    """Makes a folder for the files of pools, and removes it."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        with uninterrupted():
            folder.cleanup()


@dataclass
class _Worker:
    """A child process, and how far it is.

    Attributes:
        child: The process.
        limit: How many seconds its next answer may take.
        deadline: When its next answer is due.
        parsed: Whether it has parsed the file.
        names: The checks that it has not finished; `None` until it reports them.
        running: The check that it runs now.
    """

    child: ChildProcess
    limit: float = 0
    deadline: float = 0
    parsed: bool = False
    names: list[str] | None = None
    running: str = ""

    def expect_answer_within(self, seconds: float) -> "_Worker":
        """Sets the deadline of the next answer."""
        self.limit, self.deadline = seconds, time.monotonic() + seconds
        return self


class WorkerPool:
    """The child processes that run the checks of a request, and their results so far.

    Attributes:
        groups: The group of each check, by name.
        verdicts: The fields of the verdict on each check that is done.
        numbers: The numbers of each check, if it was asked for them.
    """

    def __init__(
        self,
        request: Request,
        timeout: float,
        folder: Path,
        measured: dict | None = None,
    ):
        """Creates a pool. Its files are in `folder`, also the compiled programs.

        Args:
            request: The file to verify, and how.
            timeout: How many seconds a check may take before it counts as failed.
            folder: A folder for its files. Several pools can share it.
            measured: How to collect numbers instead of checking them, if asked for.
        """
        self.request, self.timeout, self.folder = request, timeout, folder
        self.measured = measured
        self.groups, self.verdicts, self.workers = {}, {}, {}
        self.numbers = defaultdict(dict)

    def run(self, jobs: int, progress: Callable[[int, int], None]) -> None:
        """Runs the checks in processes, until every check has its verdict.

        Args:
            jobs: The number of processes.
            progress: Called with the number of finished checks and of all checks.

        Raises:
            VerifyError: If the file cannot be imported, or a class or check does not
                exist.
        """
        try:
            for number in range(jobs):
                self._start(number, share=[number, jobs])
            while not self.is_done():
                time.sleep(INTERVAL)
                self.take_answers()
                progress(len(self.verdicts), len(self.groups))
        finally:
            with uninterrupted():
                self.close()

    def is_done(self) -> bool:
        """Returns whether every check has its verdict."""
        return bool(self.groups) and len(self.groups) == len(self.verdicts)

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.workers.values():
            worker.child.close()
        self.workers = {}

    def take_answers(self) -> None:
        """Reads the new answers. Ends workers that are done, and replaces others.

        Raises:
            VerifyError: If a worker cannot parse or import the file.
        """
        for number, worker in list(self.workers.items()):
            # First: a worker may answer and end in between.
            ended = worker.child.has_ended()
            for answer in worker.child.new_answers():
                self._take(worker, answer)
            if worker.names == []:
                # The threads and the processes that the file started may go on.
                self.workers.pop(number).child.close()
            elif ended:
                self._replace(number, worker.child.end())
            elif worker.deadline <= time.monotonic():
                self._replace(number, f"no result after {worker.limit:g} s")

    def _take(self, worker: _Worker, answer: dict) -> None:
        """Handles an answer. One that the worker should not give now is ignored."""
        match answer:
            case {"parsed": True}:
                worker.parsed = True
            case {"error": message, "hint": hint, "code": code}:
                raise VerifyError(message, hint, code)
            case {"groups": groups, "names": names} if worker.names is None:
                self.groups, worker.names = groups, names
            case {"begins": name} if not worker.running and name in (
                worker.names or ()
            ):
                worker.running = name
                worker.expect_answer_within(self.timeout)
            case {"postponed": name} if name == worker.running:
                worker.names.remove(name)
                worker.names.append(name)
                worker.running = ""
            case {"numbers": numbers} if worker.running:
                self.numbers[worker.running] = numbers
            case {"verdict": {"name": name} as verdict} if name == worker.running:
                self.verdicts[name] = verdict
                worker.names.remove(name)
                worker.running = ""

    def _start(self, number: int, **share) -> None:
        """Starts a process that runs a share of the checks."""
        env = {"JAX_PLATFORMS": "cpu", **os.environ, "KERAS_BACKEND": "jax"}
        # A check runs a program a few times, so that compiling is most of its time.
        flags = "--xla_force_host_platform_device_count=4"
        flags += " --xla_backend_optimization_level=0"
        env["XLA_FLAGS"] = f"{flags} {env.get('XLA_FLAGS', '')}".strip()
        env["TF_CPP_MIN_LOG_LEVEL"] = "3"
        # JAX 0.5 crashes or computes wrong results with cached programs.
        old = tuple(map(int, version("jax").split(".")[:2])) < (0, 6)
        env["JAX_COMPILATION_CACHE_DIR"] = "" if old else str(self.folder / "compiled")
        env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self.folder))
        request = {**asdict(self.request), **share, "measured": self.measured}
        child = ChildProcess(folder, request, env)
        # The first answer also waits for the imports of Keras and of the file.
        limit = IMPORT_LIMIT + self.timeout
        self.workers[number] = _Worker(child).expect_answer_within(limit)

    def _replace(self, number: int, reason: str) -> None:
        """Ends a process, fails its check, and starts a process for the others."""
        worker = self.workers.pop(number)
        worker.child.end()
        last = one_line(worker.child.last_line(), 200)
        worker.child.close()
        reason += f": {last}" if last else ""
        path = shown(Path(self.request.path))
        if not worker.parsed:
            raise VerifyError(
                f"{path} cannot be parsed: {reason}.", TOO_DEEP, code="source-invalid"
            )
        if worker.names is None:
            raise VerifyError(
                f"Importing {path} fails: {reason}.",
                import_hint(path, slow=reason.startswith("no result")),
                code="import-failed",
            )
        # Before the first check and between two of them, it is the next one.
        name = worker.running or worker.names[0]
        self.verdicts[name] = asdict(
            Verdict(
                name,
                self.groups[name],
                "raises",
                reason,
                *of_ended_process(name),
            )
        )
        left = [other for other in worker.names if other != name]
        if left:
            self._start(number, names=left)
