"""Compares a class with `keras.Model`, without looking for the cause."""

from scaffold.verify.parity.check import keras_model, result_of
from scaffold.verify.parity.comparison import without_idle
from scaffold.verify.parity.differences import Difference, compare


def reference(case, tested) -> dict:
    """Returns the numbers of `keras.Model` for a case. Later calls share them."""
    return keras_model(case, tested).numbers


def differences(case, tested) -> list[Difference]:
    """Returns how a class differs from `keras.Model`, to the last bit.

    Raises:
        Exception: What the class raises in the evaluation, if all else is equal.
    """
    expected, (actual, error) = reference(case, tested), result_of(case, tested)
    expected = {key: expected[key] for key in expected if key in actual}
    found = compare(without_idle(expected), without_idle(actual))
    if error and all(difference.close for difference in found):
        raise error
    return found + [Difference("evaluate", f"raises {error}")] * bool(error)
