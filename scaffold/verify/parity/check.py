"""Runs a case with `keras.Model` and with a class under test, and compares."""

import types
from functools import cache

import keras

from ...objective import Objective
from ..causes import diagnose
from ..class_under_test import ClassUnderTest
from ..verdict import Verdict, describe, raised
from .build_model import compile_arguments, objective_of
from .case import Case, predicting
from .differences import Difference, compare, summary
from .layers import residual, shared_layer, stateful
from .run_case import EvaluationError, run


def check_case(case: Case, tested: ClassUnderTest) -> Verdict:
    """Compares the class with Keras's own trainer, and says what usually is wrong."""
    reason = not_applicable(case, tested)
    if reason:
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        reference(case, tested)
    except Exception as error:
        reason = f"Keras's own trainer fails here: {describe(error)}"
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        found = differences(case, tested)
    except Exception as error:
        return raised(case, error)
    if not found:
        return Verdict(case.name, case.group, "exact")
    apart = [d for d in found if not d.close]
    detail = summary(apart or found)
    if not apart:
        return Verdict(case.name, case.group, "close", detail)
    texts = diagnose(case, apart)
    parts = tuple(dict.fromkeys(d.part for d in apart))
    return Verdict(
        case.name, case.group, "differs", detail, *texts, builds_on(case), parts
    )


def builds_on(case: Case) -> tuple[str, ...]:
    """Names the simpler cases whose features a case has as well."""
    names = ("sample_weight",) if case.weighted else ()
    if stateful in (case.layers, case.graph) or case.graph is residual:
        names += ("weight regularizers", "activity regularizer", "batch normalization")
        names += ("dropout",)
    if case.graph is shared_layer:
        names += ("activity regularizer",)
    return tuple(name for name in names if name != case.name)


def not_applicable(case: Case, tested: ClassUnderTest) -> str:
    """Says why a case has no meaning for a class, or returns an empty string."""
    owner = tested.owns_loss or tested.owns_metrics
    if tested.unknown:
        return tested.unknown
    if case.weighted and not tested.weighted:
        return "it refuses weights: generate it with --sample-weight"
    if tested.style == "sequential" and (case.graph or case.mixin):
        return "the case's model is not a sequence of layers"
    if tested.style == "graph" and case.mixin:
        return "it is built from inputs and outputs, and the case has a call()"
    if owner and not case.owned:
        return "it has a loss or metrics of its own, and the case has others"
    if case.draws and tested.owns_loss and tested.owns_metrics:
        return "to build compile()'s loss or metrics, Keras draws a batch more"
    if owner and case.needs not in ("", tested.objective.targets):
        return "it has a loss or metrics of its own, and they need other targets"
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
    """Runs the case with Keras's own trainer, once for all classes that agree."""
    return _reference(
        case,
        tested.style,
        objective_of(case, tested),
        tested.loss,
        tested.weighted,
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
