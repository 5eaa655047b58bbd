"""Runs a case with `keras.Model` and with a class under test, and compares."""

import types
from functools import cache

import keras

from ..objective import Objective
from .building import compile_arguments, objective_of
from .case import Case, predicting
from .causes import diagnose
from .difference import Difference, compare, summary
from .models import residual, shared_layer, stateful
from .observing import EvaluationError, run
from .subject import Subject
from .verdict import Verdict, describe, raised


def check(case: Case, subject: Subject) -> Verdict:
    """Compares the class with Keras's own trainer, and says what usually is wrong."""
    reason = not_applicable(case, subject)
    if reason:
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        reference(case, subject)
    except Exception as error:
        reason = f"Keras's own trainer fails here: {describe(error)}"
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        found = differences(case, subject)
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


def not_applicable(case: Case, subject: Subject) -> str:
    """Says why a case has no meaning for a class, or returns an empty string."""
    owner = subject.owns_loss or subject.owns_metrics
    if subject.unknown:
        return subject.unknown
    if case.weighted and not subject.weighted:
        return "it refuses weights: generate it with --sample-weight"
    if subject.style == "sequential" and (case.graph or case.mixin):
        return "the case's model is not a sequence of layers"
    if subject.style == "graph" and case.mixin:
        return "it is built from inputs and outputs, and the case has a call()"
    if owner and not case.owned:
        return "it has a loss or metrics of its own, and the case has others"
    if case.draws and subject.owns_loss and subject.owns_metrics:
        return "to build compile()'s loss or metrics, Keras draws a batch more"
    if owner and case.needs not in ("", subject.objective.targets):
        return "it has a loss or metrics of its own, and they need other targets"
    return ""


def differences(case: Case, subject: Subject) -> list[Difference]:
    """Compares a class with Keras's own trainer, to the last bit."""
    expected = reference(case, subject)
    try:
        return compare(expected, _run(case, subject))
    except EvaluationError as stopped:
        trained = {key: expected[key] for key in expected if key in stopped.seen}
        found = [d for d in compare(trained, stopped.seen) if not d.close]
        if not found:
            raise stopped.error from None
        return [*found, Difference("evaluate", f"raises {describe(stopped.error)}")]


def reference(case: Case, subject: Subject) -> dict:
    """Runs the case with Keras's own trainer, once for all classes that agree."""
    return _reference(
        case,
        subject.style,
        objective_of(case, subject),
        subject.loss,
        subject.weighted,
    )


@cache
def _reference(
    case: Case, style: str, objective: Objective, loss: object, weighted: bool
) -> dict:
    base = keras.Sequential
    if style != "sequential":
        base = types.new_class("Base", (keras.Model,))
    subject = Subject(lambda: base, style, objective, loss, weighted=weighted)
    return _run(case, subject)


def _run(case: Case, subject: Subject) -> dict:
    owned = subject.owns_loss, subject.owns_metrics
    with predicting(objective_of(case, subject)):
        return run(
            case,
            subject.style,
            subject.load(),
            lambda: compile_arguments(case, subject, *owned),
        )
