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


def mistakes_in_loss(
    comparison,
    others: list,
    training: frozenset = frozenset(),
    evaluation: frozenset = frozenset(),
) -> list[tuple[str, ...]]:
    """Returns the codes of a mistake in the loss of a class, if there is one.

    Args:
        comparison: The comparison of the class with itself.
        others: The comparison with `keras.Model`, if the loss is known.
        training: The mistakes in training with which the numbers are equal.
        evaluation: The mistakes in evaluation with which they are.

    Returns:
        Alternatives, as `Proof.explain()` returns them.
    """
    case = comparison.case

    def differ(one, changes: set[str], met: set | None = None) -> list:
        return one.attempt(training | changes, evaluation | changes, met)

    def changes_nothing(changes: set[str]) -> bool:
        """Whether the numbers stay equal though something is withheld from the loss."""
        met = set()
        differences = differ(comparison, changes, met)
        return bool(changes & met) and not differences

    if case.group in ("losses", "own model"):
        found = [(code,) for code in LOSSES if changes_nothing(LOSSES[code])]
        if found:
            return found
    if case.weighted:
        if changes_nothing({"no weights in the loss"}):
            return [("sample-weights-dropped",)]
        if any(not differ(other, {"no weights in the metrics"}) for other in others):
            return [("metrics-unweighted",)]
    return []


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
