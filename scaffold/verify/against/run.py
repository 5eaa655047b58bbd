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
from .comparison import Comparison, compare
from .differences import excess
from .implementation import find_implementation, share_header
from .measurement import Measurement, decoded, without_evaluation

#: How many times as far as in the control rounding may change a value.
FACTOR = 4

Progress = Callable[[int, int], None]


def verify_against(
    request: Request, timeout: float, jobs: int, progress: Progress
) -> tuple[list[dict], str]:
    """Compares a class with what `--against` names: a file, a revision or a recording.

    Args:
        request: The class, and what to compare it with.
        timeout: How many seconds a check may take before it counts as failed.
        jobs: The number of processes.
        progress: Called with the number of finished checks and of all checks.

    Returns:
        The verdicts, as dicts with the fields of `verdict.Verdict`, and a text that
        describes the reference.

    Raises:
        KscaffoldError: If the reference or the class cannot be found or imported, or if
            no check applies.
    """
    with pool_folder() as folder:
        runs = _Runs(folder, timeout, jobs, progress)
        if request.against.endswith(".json"):
            verdicts, reference = _against_recording(request, runs)
        else:
            verdicts, reference = _against_implementation(request, runs)
    reasons = {v["detail"]: v["outcome"] for v in verdicts}
    if set(reasons.values()) == {"not applicable"}:
        raise VerifyError(
            f"No check applies: {'; '.join(reasons)}.",
            "Omit --only to run every check." if request.pattern else "",
        )
    return verdicts, reference


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
        noise = _noise(kept, runs.measure(request, names=[*kept], rounded=True))
    failed = [m.verdict for m in found.values() if m.outcome == "raises"]
    if not kept:
        reasons = dict.fromkeys(m.verdict["detail"] for m in found.values())
        raise VerifyError(
            f"No check can be recorded: {'; '.join(reasons)}.",
            "Omit --only to run every check." if request.pattern else "",
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


def _against_implementation(request: Request, runs: _Runs) -> tuple[list[dict], str]:
    """Compares a class with a file or a revision."""
    old = find_implementation(request, runs.folder / "revision")
    new_request, old_request = share_header(request, old.request)
    new = runs.measure(new_request)
    names = [name for name, m in new.items() if m.is_compared]
    try:
        before = runs.measure(old_request, names=names, moved=old.moved)
        hint = "If the change is intended, check the invariants with --only contract."
        verdicts = [
            _verdict(m, before.get(name), {}, old.label, hint)
            for name, m in new.items()
        ]
        unsure = [v["name"] for v in verdicts if v.pop("unsure", False)]
        noise = _noise(
            before,
            runs.measure(old_request, names=unsure, rounded=True, moved=old.moved),
        )
    except KscaffoldError as error:
        raise _relabelled(error, old.moved, old.label) from error
    judged = [
        (
            _verdict(
                new[v["name"]], before[v["name"]], noise[v["name"]], old.label, hint
            )
            if v["name"] in unsure
            else v
        )
        for v in verdicts
    ]
    for verdict in judged:
        verdict.pop("unsure", None)
        if old.moved:
            place = f"{old.moved[1]}/"
            verdict["detail"] = verdict["detail"].replace(place, "")
    return judged, f"The reference is {old.source}."


def _against_recording(request: Request, runs: _Runs) -> tuple[list[dict], str]:
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
    label = shown(path)
    hint = (
        "If the change is intended, record again with `kscaffold verify "
        f"{as_argument(request.path)} --record {as_argument(path)}`."
    )
    new = runs.measure(request, names=[*recorded])
    verdicts = []
    for name, measured in new.items():
        noise = recorded[name].answer["noise"] if name in recorded else {}
        verdicts.append(_verdict(measured, recorded.get(name), noise, label, hint))
        verdicts[-1].pop("unsure", None)
    text = f"The reference is the recording {label}."
    if others := recording.other_versions(data):
        text += f" It was made with {others}, so rounding may differ."
    return verdicts, text


def _verdict(
    new: Measurement, old: Measurement | None, noise: dict, label: str, hint: str
) -> dict:
    """Compares the class with the reference in one check.

    Returns:
        The verdict. Its field `unsure` says whether rounding could explain it.
    """
    if old is None or not new.is_compared:
        return dict(new.verdict)
    a, b = decoded(old.answer), decoded(new.answer)
    if a is None:
        reason = old.verdict["detail"]
        if old.outcome == "raises":
            reason = f"{label} fails: {reason}"
        return {**new.verdict, "outcome": "not applicable", "detail": reason}
    if b is None:
        return dict(new.verdict)
    failing = "raises" in (old.outcome, new.outcome)
    if failing:  # only the evaluation, or there would be no numbers
        a, b = without_evaluation(a), without_evaluation(b)
    found = compare(a, b, noise, label)
    if new.outcome == "raises" and old.outcome != "raises":
        if found.outcome != "differs":
            return dict(new.verdict)
        found = found._replace(
            detail=f"{found.detail} evaluate() raises {new.verdict['detail']}."
        )
    return _judged(new.verdict, found, hint)


def _judged(verdict: dict, found: Comparison, hint: str) -> dict:
    """Returns the verdict that a comparison gives."""
    differs = found.outcome == "differs"
    return {
        **verdict,
        "outcome": found.outcome,
        "detail": found.detail,
        "cause": found.cause,
        "fix": hint if differs else "",
        "parts": list(found.parts),
        "unsure": differs and found.unsure,
    }


def _noise(base: dict, rounded: dict) -> dict[str, dict[str, float]]:
    """Returns how far rounding changes each value, where it exceeds the tolerance."""
    noise = {}
    for name, measured in base.items():
        found = noise[name] = {}
        a = decoded(measured.answer)
        b = name in rounded and decoded(rounded[name].answer)
        for key in (a.values.keys() & b.values.keys()) if a and b else ():
            if a.values[key].shape == b.values[key].shape:
                change = excess(a.values[key], b.values[key])
                if change:
                    found[key] = float(f"{min(FACTOR * change, 1e300):.2g}")
    return noise


def _relabelled(error: KscaffoldError, moved, label: str) -> KscaffoldError:
    """Returns an error about a revision without the path of its temporary folder."""
    texts = [error.message, error.hint]
    if moved:
        texts = [text.replace(f"{moved[1]}/", f"{label}:") for text in texts]
    return VerifyError(*texts)
