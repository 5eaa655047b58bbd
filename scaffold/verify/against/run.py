"""Measures implementations in processes of their own, and compares them."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ...errors import KscaffoldError
from ...regular_files import as_argument, shown
from ..request import Request, VerifyError
from ..verdict import Verdict
from ..worker_pool import WorkerPool, pool_folder
from . import recording
from .implementation import find_implementation, share_header
from .judgement import Reference, judge, rounding
from .measurement import Measurement, decoded

#: What to do if a difference from another implementation is no mistake.
INTENDED = "If it is intended, check the invariants alone with --only contract."

Progress = Callable[[int, int], None]


def verify_against(
    request: Request, timeout: float, jobs: int, progress: Progress
) -> tuple[list[dict], dict[str, str]]:
    """Compares a class with what `--against` names: a file, a revision or a recording.

    Args:
        request: The class, and what to compare it with.
        timeout: How many seconds a check may take before it counts as failed.
        jobs: The number of processes.
        progress: Called with the number of finished checks and of all checks.

    Returns:
        The verdicts, as dicts with the fields of `verdict.Verdict`, and the texts of
        `report.as_text()`.

    Raises:
        KscaffoldError: If the reference or the class cannot be found or imported, or if
            no check applies.
    """
    with pool_folder() as folder:
        runs = _Runs(folder, timeout, jobs, progress)
        if request.against.endswith(".json"):
            verdicts, texts = _against_recording(request, runs)
        else:
            verdicts, texts = _against_implementation(request, runs)
    reasons = {v["detail"]: v["outcome"] for v in verdicts}
    if set(reasons.values()) == {"not applicable"}:
        raise VerifyError(
            f"No check applies: {'; '.join(reasons)}.",
            "Omit --only to run every check." if request.pattern else "",
            code="checks-inapplicable",
        )
    return verdicts, texts


def record(
    request: Request, path: str, timeout: float, jobs: int, progress: Progress
) -> tuple[int, list[dict]]:
    """Records the numbers of a class as a file.

    Args:
        request: The class.
        path: The file. If it exists, it must be a recording.
        timeout: How many seconds a check may take before it counts as failed.
        jobs: The number of processes.
        progress: Called with the number of finished checks and of all checks.

    Returns:
        The number of recorded checks, and the verdicts on those that fail.

    Raises:
        KscaffoldError: If the file cannot be written, if the class cannot be found or
            imported, or if no check can be recorded.
    """
    recording.check_target(Path(path))
    with pool_folder() as folder:
        runs = _Runs(folder, timeout, jobs, progress)
        found = runs.measure(request)
        kept = {name: m for name, m in found.items() if m.outcome == "measured"}
        noise = rounding(kept, runs.measure(request, names=[*kept], rounded=True))
    failed = [m.verdict for m in found.values() if m.outcome == "raises"]
    if not kept:
        reasons = dict.fromkeys(m.verdict["detail"] for m in found.values())
        raise VerifyError(
            f"No check can be recorded: {'; '.join(reasons)}.",
            "Omit --only to run every check." if request.pattern else "",
            code="checks-inapplicable",
        )
    checks = {
        name: {
            "group": m.verdict["group"],
            "values": m.answer["values"],
            "names": m.answer["names"],
            "noise": noise[name],
        }
        for name, m in kept.items()
    }
    recording.save(Path(path), request, checks)
    return len(checks), failed


class _Runs:
    """Runs of the workers for one command, which share what JAX compiles."""

    def __init__(self, folder: Path, timeout: float, jobs: int, progress: Progress):
        """Initializes the runs with the settings of the workers."""
        self.folder, self.timeout, self.jobs = folder, timeout, jobs
        self.progress = progress
        self.done = self.count = 0

    def measure(
        self, request: Request, names=None, rounded: bool = False, moved=None
    ) -> dict[str, Measurement]:
        """Measures the checks of a request.

        Args:
            request: The class, and how to run it.
            names: The checks. `None` for all that the request selects.
            rounded: Whether the initial weights are changed by rounding errors.
            moved: The folder of a repository and of its export, which replaces it.

        Returns:
            The verdict and the numbers of each check.
        """
        if names == []:
            return {}
        measured = {"names": names, "rounded": rounded, "moved": moved}
        pool = WorkerPool(request, self.timeout, self.folder, measured)
        pool.run(self.jobs, self._show)
        self.done += len(pool.verdicts)
        self.count = max(self.count, self.done)
        return {
            name: Measurement(
                {**pool.verdicts[name], "group": group}, pool.numbers[name]
            )
            for name, group in pool.groups.items()
        }

    def _show(self, done: int, count: int) -> None:
        self.progress(self.done + done, max(self.count, self.done + count))


def _against_implementation(
    request: Request, runs: _Runs
) -> tuple[list[dict], dict[str, str]]:
    """Compares a class with a file or a revision."""
    old = find_implementation(request, runs.folder / "revision")
    new_request, old_request = share_header(request, old.request)
    reference = Reference(old.label, old.source)
    new = runs.measure(new_request)
    names = [name for name, m in new.items() if m.is_compared]
    try:
        before = runs.measure(old_request, names=names, moved=old.moved)
        judged = {
            name: judge(m, before.get(name), {}, reference) for name, m in new.items()
        }
        unsure = [name for name, (_, is_unsure) in judged.items() if is_unsure]
        rounded = runs.measure(old_request, names=unsure, rounded=True, moved=old.moved)
    except KscaffoldError as error:
        raise _relabelled(error, old.moved, old.label) from error
    noise = rounding(before, rounded)
    for name in unsure:
        judged[name] = judge(new[name], before[name], noise[name], reference)
    verdicts = [verdict for verdict, _ in judged.values()]
    for verdict in verdicts if old.moved else ():
        verdict["detail"] = verdict["detail"].replace(f"{old.moved[1]}/", "")
    return verdicts, {"intended": INTENDED}


def _relabelled(error: KscaffoldError, moved, label: str) -> KscaffoldError:
    """Returns an error about a revision without the path of its temporary folder."""
    texts = [error.message, error.hint]
    if moved:
        texts = [text.replace(f"{moved[1]}/", f"{label}:") for text in texts]
    return VerifyError(*texts, error.code)


def _against_recording(
    request: Request, runs: _Runs
) -> tuple[list[dict], dict[str, str]]:
    """Compares a class with recorded numbers."""
    path = Path(request.against)
    data = recording.load(path)
    recording.check_options(path, data, request)
    recorded = {}
    for name, check in data["checks"].items():
        verdict = asdict(Verdict(name, check["group"], "measured"))
        recorded[name] = Measurement(verdict, check)
        if decoded(check) is None:
            raise recording.damaged(path)
    reference = Reference(shown(path), shown(path))
    verdicts = []
    for name, new in runs.measure(request, names=[*recorded]).items():
        noise = recorded[name].answer["noise"] if name in recorded else {}
        verdicts.append(judge(new, recorded.get(name), noise, reference)[0])
    again = f"--record {as_argument(path)}"
    texts = {"intended": f"If it is intended, record the numbers again with {again}."}
    if others := recording.other_versions(data):
        texts["note"] = f"It was recorded with {others}, so rounding may differ."
    return verdicts, texts
