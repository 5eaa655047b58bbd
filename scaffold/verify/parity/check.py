"""Runs a case with `keras.Model` and with the class under test, and compares them."""

import types
from functools import cache

import keras

from ...objective import Objective
from ..class_under_test import NO_WEIGHTS, ClassUnderTest
from ..verdict import Verdict, describe, raised
from .batches import predicting
from .build_model import compile_arguments, objective_of
from .case import Case
from .diagnosis import diagnose
from .differences import Difference, compare, summary
from .run_case import EvaluationError, run


def check_case(case: Case, tested: ClassUnderTest) -> Verdict:
    """Compares a class with Keras's own trainer, and names the usual cause."""
    reason = not_applicable(case, tested)
    if reason:
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        reference(case, tested)
    except Exception as error:
        reason = f"Keras's own trainer fails: {describe(error)}"
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        found = differences(case, tested)
    except Exception as error:
        return raised(case, error)
    if not found:
        return Verdict(case.name, case.group, "exact")
    large = [d for d in found if not d.close]
    detail = summary(large or found)
    if not large:
        return Verdict(case.name, case.group, "close", detail)
    parts = tuple(dict.fromkeys(d.part for d in large))
    explanation = diagnose(case, large)
    return Verdict(
        case.name, case.group, "differs", detail, *explanation, case.builds_on, parts
    )


def not_applicable(case: Case, tested: ClassUnderTest) -> str:
    """Returns why a case does not apply to a class, or an empty string."""
    owner = tested.owns_loss or tested.owns_metrics
    if tested.unknown:
        return tested.unknown
    if case.weighted and not tested.weighted:
        return NO_WEIGHTS
    if tested.style == "sequential" and (case.graph or case.mixin):
        return "the class is sequential, and the case's model is not"
    if tested.style == "graph" and case.mixin:
        return "the class is built from inputs and outputs, and the case has a call()"
    if owner and not case.owned:
        return "the class owns its loss or metrics, and the case compiles others"
    if case.draws and tested.owns_loss and tested.owns_metrics:
        return "Keras reads one more batch if it compiles a loss, so the batches differ"
    if owner and case.needs not in ("", tested.objective.targets):
        return "the class owns its loss or metrics, and they need other targets"
    return ""


def differences(case: Case, tested: ClassUnderTest) -> list[Difference]:
    """Compares a class with Keras's own trainer, to the last bit."""
    expected = reference(case, tested)
    try:
        return compare(expected, _run(case, tested))
    except EvaluationError as stopped:
        trained = {key: expected[key] for key in expected if key in stopped.seen}
        found = [d for d in compare(trained, stopped.seen) if not d.close]
        if not found:
            raise stopped.error from None
        return [*found, Difference("evaluate", f"raises {describe(stopped.error)}")]


def reference(case: Case, tested: ClassUnderTest) -> dict:
    """Runs a case with Keras's own trainer. Classes with equal settings share it."""
    return _reference(
        case, tested.style, objective_of(case, tested), tested.loss, tested.weighted
    )


@cache
def _reference(
    case: Case, style: str, objective: Objective, loss: object, weighted: bool
) -> dict:
    base = keras.Sequential
    if style != "sequential":
        base = types.new_class("Base", (keras.Model,))
    tested = ClassUnderTest(lambda: base, style, objective, loss, weighted=weighted)
    return _run(case, tested)


def _run(case: Case, tested: ClassUnderTest) -> dict:
    owned = tested.owns_loss, tested.owns_metrics
    with predicting(objective_of(case, tested)):
        return run(
            case,
            tested.style,
            tested.load(),
            lambda: compile_arguments(case, tested, *owned),
        )
