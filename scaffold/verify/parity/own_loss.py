"""Finds mistakes in the loss and the metrics of a class whose steps are right.

Both sides of the comparison have them, so their numbers are equal. But the numbers must
change if the losses of layers or the sample weights are withheld from the class.
"""

import keras

from .build_model import compile_arguments, small_model
from .case import Case

#: The losses that can be withheld, by the mistake that leaves them out.
LOSSES = {
    "losses-left-out": {"added losses left out", "regularizers left out"},
    "added-losses-left-out": {"added losses left out"},
    "regularizers-left-out": {"regularizers left out"},
}


def mistakes_in_loss(comparison, others: list) -> list[tuple[str, ...]]:
    """Returns the codes of a mistake in the loss of a class, if there is one.

    Args:
        comparison: The comparison of the class with itself. Its numbers are equal.
        others: The comparison with `keras.Model`, if the loss is known.

    Returns:
        Alternatives, as `Proof.explain()` returns them.
    """
    case = comparison.case
    if case.group in ("losses", "own model"):
        found = [(c,) for c in LOSSES if _changes_nothing(comparison, LOSSES[c])]
        if found:
            return found
    if case.weighted:
        if _changes_nothing(comparison, {"no weights in the loss"}):
            return [("sample-weights-dropped",)]
        unweighted = frozenset({"no weights in the metrics"})
        if any(not other.attempt(unweighted, unweighted) for other in others):
            return [("metrics-unweighted",)]
    return []


def _changes_nothing(comparison, changes: set[str]) -> bool:
    """Whether the numbers stay equal though something is withheld from the loss."""
    met = set()
    differ = comparison.attempt(frozenset(changes), frozenset(changes), met)
    return bool(changes & met) and not differ


def unlisted_metrics(tested) -> list[str]:
    """Returns the names of the metrics that a class has, but does not list."""
    model, *_ = small_model(tested)
    model.compile("sgd", **compile_arguments(Case("small model", ""), tested))
    listed = {id(metric) for metric in model.metrics}
    return [
        value.name
        for value in vars(model).values()
        if isinstance(value, keras.metrics.Metric) and id(value) not in listed
    ]
