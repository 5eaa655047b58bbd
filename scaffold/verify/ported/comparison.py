"""Compares the results of both sides, and returns the verdicts."""

from dataclasses import asdict, replace

from ..causes import Explanation, of_port
from ..verdict import Verdict
from .check_list import EVALUATION, LOG_NAMES, OPTIMIZERS, RANDOM_NUMBERS, TRAIN_STEPS
from .draws import RandomNumbers
from .first_difference import describe_difference, describe_equal, explain
from .optimizers import config_differences, pair_optimizers
from .steps import compare_numbers, compare_optimizers, compare_step


def compare(port: dict, original: dict) -> list[dict]:
    """Returns the verdicts on a port, as dicts.

    Args:
        port: The results of the port, with its control.
        original: The results of the original.
    """
    random_numbers = RandomNumbers(port, original)
    training = _training(port, original, random_numbers)
    equal = training.outcome == "close"
    verdicts = [
        _random_numbers(random_numbers),
        training,
        _log_names(port, original),
        _optimizers(port, original, equal),
        _evaluation(port, original, random_numbers, equal),
    ]
    return [asdict(verdict) for verdict in verdicts]


def _random_numbers(numbers: RandomNumbers) -> Verdict:
    """Returns whether both sides draw the same random numbers."""
    if numbers.unmatched:
        return _not_comparable(RANDOM_NUMBERS, next(iter(numbers.unmatched.values())))
    if numbers.repeated:
        return _differs(RANDOM_NUMBERS, numbers.repeated, of_port("repeated"))
    if not numbers.drawn:
        reason = "neither side draws random numbers"
        return Verdict(*RANDOM_NUMBERS, "not applicable", reason)
    return Verdict(*RANDOM_NUMBERS, "holds")


def _not_comparable(check, reason: str) -> Verdict:
    """Returns the verdict on a check that depends on unmatched random numbers."""
    found = _differs(check, f"not comparable: {reason}", of_port("unmatched"))
    return replace(found, outcome="not comparable")


def _differs(check, detail: str, explanation: Explanation) -> Verdict:
    """Returns the verdict on a check whose numbers differ."""
    codes = ((explanation.code,),)
    return Verdict(*check, "differs", detail, *explanation, explained_by=codes)


def _training(port: dict, original: dict, numbers: RandomNumbers) -> Verdict:
    """Compares the training steps, up to the first that differs."""
    steps = zip(
        port["steps"], original["steps"], port["control"]["steps"], strict=False
    )
    start, seen = (port["entries"], port["start"]), []
    for number, (theirs, ours, control) in enumerate(steps, 1):
        if reason := numbers.unmatched.get(("training", number)):
            return _not_comparable(TRAIN_STEPS, reason)
        found = compare_step(number, theirs, ours, control, start)
        if any(c.differs for c in found):
            pairs = pair_optimizers(original["optimizers"], port["optimizers"])
            unpaired = isinstance(pairs, str)
            configs = [f"T{pairs[1:]}."] if unpaired else config_differences(pairs)
            several = numbers.alike("training", number)
            explanation = explain(found, configs, several)
            return _differs(TRAIN_STEPS, describe_difference(found), explanation)
        seen += found
    if len(port["steps"]) != len(original["steps"]):
        detail = (
            f"{len(original['steps'])} steps in the original, {len(port['steps'])} in "
            "the port"
        )
        return _differs(TRAIN_STEPS, detail, of_port("steps"))
    return Verdict(*TRAIN_STEPS, "close", describe_equal(seen))


def _log_names(port: dict, original: dict) -> Verdict:
    """Compares the names of the logs of a training step."""
    names = [
        dict.fromkeys(name for step in side["steps"] for name in step["logs"])
        for side in (original, port)
    ]
    only = [
        f"only the {side} reports {', '.join(missing)}"
        for side, missing in (
            ("original", [n for n in names[0] if n not in names[1]]),
            ("port", [n for n in names[1] if n not in names[0]]),
        )
        if missing
    ]
    if not only:
        return Verdict(*LOG_NAMES, "holds")
    return _differs(LOG_NAMES, "; ".join(only), of_port("log_names"))


def _optimizers(port: dict, original: dict, equal: bool) -> Verdict:
    """Compares the variables of the optimizers after the last step."""
    if not equal:
        reason = "the training steps are not equal, so the optimizers are not"
        return Verdict(*OPTIMIZERS, "not applicable", reason)
    pairs = pair_optimizers(original["optimizers"], port["optimizers"])
    if isinstance(pairs, str):
        reason = f"the optimizers cannot be paired: {pairs}"
        return Verdict(*OPTIMIZERS, "not applicable", reason)
    records = zip(port["optimizers"], port["control"]["optimizers"], strict=False)
    control = {record["name"]: spread["variables"] for record, spread in records}
    found = compare_optimizers(len(port["steps"]), pairs, control)
    if any(c.differs for c in found):
        settings = "".join(f" {text}" for text in config_differences(pairs))
        explanation = (
            of_port("settings", more=settings) if settings else of_port("optimizer")
        )
        return _differs(OPTIMIZERS, describe_difference(found), explanation)
    return Verdict(*OPTIMIZERS, "close", describe_equal(found))


def _evaluation(port: dict, original: dict, numbers, equal: bool) -> Verdict:
    """Compares the evaluation before training, and after equal training."""
    seen = []
    for phase in ("evaluated", "evaluated at the end")[: 1 + equal]:
        theirs, ours = port[phase], original[phase]
        if "error" in ours:
            reason = f"the original cannot evaluate: {ours['error']}"
            return Verdict(*EVALUATION, "not applicable", reason)
        if "error" in theirs:
            found = _differs(EVALUATION, theirs["error"], of_port("evaluation"))
            return replace(found, outcome="raises")
        control, empty = port["control"][phase], ([], [])
        for number, (b, a) in enumerate(
            zip(theirs["steps"], ours["steps"], strict=False), 1
        ):
            if reason := numbers.unmatched.get((phase, number)):
                return _not_comparable(EVALUATION, reason)
            seen += compare_step(number, b, a, control["steps"][number - 1], empty)
        results = theirs["result"], ours["result"], control["result"]
        seen += compare_numbers(len(theirs["steps"]), "result", *results)
    if any(c.differs for c in seen):
        explanation = explain(seen, [], False)
        return _differs(EVALUATION, describe_difference(seen), explanation)
    if not seen:
        reason = "no log of the evaluation has the same name on both sides"
        return Verdict(*EVALUATION, "not applicable", reason)
    return Verdict(*EVALUATION, "close", describe_equal(seen))
