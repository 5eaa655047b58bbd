"""Compares the results of both sides, and returns the verdicts."""

from dataclasses import asdict

from ..verdict import Verdict
from .check_list import EVALUATION, LOG_NAMES, OPTIMIZERS, RANDOM_NUMBERS, TRAIN_STEPS
from .draws import RandomNumbers
from .first_difference import describe_difference, describe_equal, explain
from .optimizers import config_differences, pair_optimizers
from .steps import compare_numbers, compare_optimizers, compare_step

#: What to do if the random numbers of both sides cannot be matched.
UNMATCHED = "The random numbers of the two sides cannot be matched."
MATCH = (
    "Draw all of them with keras.random and a keras.random.SeedGenerator, in the same "
    "order and in the same shapes on both sides."
)


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
        detail = f"not comparable: {next(iter(numbers.unmatched.values()))}"
        return Verdict(*RANDOM_NUMBERS, "not comparable", detail, UNMATCHED, MATCH)
    if numbers.repeated:
        return Verdict(
            *RANDOM_NUMBERS,
            "differs",
            numbers.repeated,
            "The new state of a SeedGenerator is not part of the state that the step "
            "returns.",
            "Return the new values of all non_trainable_variables.",
        )
    if not numbers.drawn:
        reason = "neither side draws random numbers"
        return Verdict(*RANDOM_NUMBERS, "not applicable", reason)
    return Verdict(*RANDOM_NUMBERS, "holds")


def _not_comparable(check, reason: str) -> Verdict:
    """Returns the verdict on a check that depends on unmatched random numbers."""
    detail, builds_on = f"not comparable: {reason}", (RANDOM_NUMBERS.name,)
    return Verdict(*check, "not comparable", detail, UNMATCHED, MATCH, builds_on)


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
            configs = [f"Also, {pairs}."] if unpaired else config_differences(pairs)
            several = numbers.alike("training", number)
            explanation = explain(found, configs, several)
            detail = describe_difference(found)
            return Verdict(*TRAIN_STEPS, "differs", detail, *explanation)
        seen += found
    if len(port["steps"]) != len(original["steps"]):
        detail = (
            f"{len(original['steps'])} steps in the original, {len(port['steps'])} in "
            "the port"
        )
        cause = "One side stops the training early."
        return Verdict(
            *TRAIN_STEPS, "differs", detail, cause, "Set stop_training alike."
        )
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
    return Verdict(
        *LOG_NAMES,
        "differs",
        "; ".join(only),
        "The logs have other names, so these numbers are not compared.",
        "Return the logs of train_step() under the names of the original.",
    )


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
        return Verdict(
            *OPTIMIZERS,
            "differs",
            describe_difference(found),
            " ".join(config_differences(pairs))
            or "The weights are equal, but the optimizer's state is not.",
            "Apply the optimizer to the same gradients, and return all of its state.",
        )
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
            return Verdict(
                *EVALUATION,
                "raises",
                theirs["error"],
                "The original can evaluate.",
                "Write a test_step() for the port.",
            )
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
        detail = describe_difference(seen)
        return Verdict(*EVALUATION, "differs", detail, *explain(seen, [], False))
    if not seen:
        reason = "no log of the evaluation has the same name on both sides"
        return Verdict(*EVALUATION, "not applicable", reason)
    return Verdict(*EVALUATION, "close", describe_equal(seen))
