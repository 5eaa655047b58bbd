"""Compares a class with Keras's own trainer: with `keras.Model`, or with itself.

The class with Keras's own steps in place of its own has the same loss, metrics and
layers, so only the steps can differ.
"""

import types
from dataclasses import replace
from functools import cache

import keras

from ...objective import Objective
from ..causes import Explanation, finding, of_mistakes
from ..class_under_test import NO_WEIGHTS, ClassUnderTest
from ..hooks import without_hooks
from ..verdict import Verdict, describe, raised
from .build_model import objective_of
from .case import Case
from .comparison import Comparison, Reference, Result
from .diagnosis import diagnose
from .differences import summary
from .keras_steps import use_keras_steps
from .own_loss import mistakes_in_loss, unlisted_metrics
from .own_steps import brings_more, why_not_own_steps
from .proof import Made, Proof, changes_of, codes_of, proof_for
from .run_case import EvaluationError, run


def check_case(case: Case, tested: ClassUnderTest) -> Verdict:
    """Compares a class with Keras's own trainer, and proves the cause.

    Edited hooks of the class are left out.
    """
    with without_hooks(tested.load()) as left_out:
        verdict = _check_case(case, tested)
    if left_out and verdict.compared_with:
        reference = f"{verdict.compared_with}, without {left_out}"
        verdict = replace(verdict, compared_with=reference)
    return verdict


def _check_case(case: Case, tested: ClassUnderTest) -> Verdict:
    reason = not_applicable(case, tested) or _no_reference(tested)
    if reason:
        return Verdict(case.name, case.group, "not applicable", reason)
    proof, result, compared = proof_for(tested.load), None, []
    sides = (keras_model, _own_class)
    for make in sides[::-1] if proof.has_own_loss else sides:
        try:
            reference = make(case, tested)
        except Exception as error:
            reason = f"Keras's own trainer fails: {describe(error)}"
            continue
        if reference is None:
            continue
        try:
            result = result or result_of(case, tested)
        except Exception as error:
            return raised(case, error)
        comparison = Comparison(case, reference, result)
        if not comparison.large:
            return _equal(comparison, compared, proof)
        compared.append(comparison)
    if not compared:
        return Verdict(case.name, case.group, "not applicable", reason)
    for comparison in compared:
        found = proof.explain_again(comparison.attempt)
        if found:
            return _proven(comparison, compared, found)
    for comparison in compared:
        comparison.allow_rounding()
        if not comparison.large:
            others = [other for other in compared if other is not comparison]
            return _equal(comparison, others, proof)
    return _differs(compared, proof)


def _no_reference(tested: ClassUnderTest) -> str:
    """Returns why Keras's own steps cannot be a reference, or an empty string."""
    if tested.unknown and (tested.build or why_not_own_steps(tested)):
        return tested.unknown
    return why_not_own_steps(tested) if tested.build else ""


def not_applicable(case: Case, tested: ClassUnderTest) -> str:
    """Returns why a case does not fit a class, or an empty string."""
    if tested.build:
        if not case.built:
            return "--build brings a model, so it is not built from the case's layers"
        return ""
    if case.built:
        return "only for models of --build"
    if case.weighted and not tested.weighted:
        return NO_WEIGHTS
    if tested.style == "sequential" and (case.graph or case.mixin):
        return "the class is sequential, and the case's model is not"
    if tested.style == "graph" and case.mixin:
        return "the class is built from inputs and outputs, and the case has a call()"
    owner = tested.owns_loss or tested.owns_metrics
    if owner and not case.owned:
        return "the class owns its loss or metrics, and the case compiles others"
    if case.draws and tested.owns_loss and tested.owns_metrics:
        return "Keras reads one more batch if it compiles a loss, so the batches differ"
    if owner and case.needs not in ("", tested.objective.targets):
        return "the class owns its loss or metrics, and they need other targets"
    return ""


def keras_model(case: Case, tested: ClassUnderTest) -> Reference | None:
    """Trains `keras.Model` with the loss and the metrics of a class, if known."""
    if tested.unknown or tested.build:
        return None
    return _keras_reference(
        case, tested.style, objective_of(case, tested), tested.loss, tested.weighted
    )


@cache
def _keras_reference(
    case: Case, style: str, objective: Objective, loss: object, weighted: bool
) -> Reference:
    """Trains `keras.Model`. Classes with equal settings share it."""
    base = keras.Sequential
    if style != "sequential":
        base = types.new_class("Base", (keras.Model,))
    model = ClassUnderTest(lambda: base, style, objective, loss, weighted=weighted)
    return Reference("keras.Model", model, run(case, model))


def _own_class(case: Case, tested: ClassUnderTest) -> Reference | None:
    """Trains the class with Keras's own steps, if it brings more than its steps."""
    if not (tested.unknown or tested.build or brings_more(tested.load())):
        return None
    if why_not_own_steps(tested):
        return None
    cls = tested.load().__name__
    name = f"{cls} with Keras's own steps"
    return Reference(name, tested, run(case, tested, use_keras_steps), True)


def result_of(case: Case, tested: ClassUnderTest) -> Result:
    """Trains the class under test. Only an error of the evaluation is not raised."""
    try:
        return Result(run(case, tested))
    except EvaluationError as stopped:
        return Result(stopped.seen, stopped.error)


def _equal(comparison: Comparison, compared: list[Comparison], proof: Proof) -> Verdict:
    """Returns the verdict on a class whose numbers are those of a reference."""
    case, reference = comparison.case, comparison.reference
    if comparison.result.error:
        return raised(case, comparison.result.error)
    if reference.is_own:
        for other in compared:
            explanation = diagnose(other.large)
            code = explanation.code if explanation else ""
            unlisted = code == "metrics-not-logged" and unlisted_metrics(
                reference.tested
            )
            if code == "log-order" or unlisted:
                return _failed(other, explanation)
        found = mistakes_in_loss(comparison, compared)
        if found:
            return _failed((compared or [comparison])[0], of_mistakes(found), found)
        proof.has_own_loss = proof.has_own_loss or bool(compared)
    outcome = "close" if comparison.found else "exact"
    detail = summary(comparison.found)
    return Verdict(case.name, case.group, outcome, detail, compared_with=reference.name)


def _differs(compared: list[Comparison], proof: Proof) -> Verdict:
    """Returns the verdict on a class whose numbers no reference has."""
    last = compared[-1]
    explanation = diagnose(last.large)
    if explanation:
        return _failed(last, explanation)
    for comparison in compared:
        found = proof.explain(comparison.case, comparison.large, comparison.attempt)
        if found:
            return _proven(comparison, compared, found)
    return _failed(last, finding("unexplained"), ruled_out=proof.ruled_out)


def _proven(
    comparison: Comparison, compared: list[Comparison], found: list[Made]
) -> Verdict:
    """Returns the verdict on a class whose numbers mistakes in the steps give."""
    codes = [*dict.fromkeys(map(codes_of, found))]
    if comparison.reference.is_own:
        # Both sides have the loss of the class, so a mistake in it is hidden.
        others = [other for other in compared if other is not comparison]
        more = mistakes_in_loss(comparison, others, *changes_of(found[0]))
        codes = [(*one, *other) for one in codes for other in more] or codes
    return _failed(comparison, of_mistakes(codes), codes)


def _failed(
    comparison: Comparison, explanation: Explanation, found: list | None = None, **more
) -> Verdict:
    case = comparison.case
    return Verdict(
        case.name,
        case.group,
        "differs",
        summary(comparison.large) or "the numbers stay the same without them",
        *explanation,
        explained_by=found or [(explanation.code,)],
        compared_with=comparison.reference.name,
        **more,
    )
