"""Runs checks in a worker, and collects the numbers of each."""

import hashlib
from dataclasses import replace

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..parity.case import Case
from ..parity.check import not_applicable
from ..parity.control import from_other_bits
from ..parity.run_case import EvaluationError, run
from ..verdict import Verdict, raised
from .numbers import DATA, TRACE, TRAINABLE, encode, flatten


def measure(case: Case, tested: ClassUnderTest, rounded: bool) -> tuple[Verdict, dict]:
    """Runs a case with a class, and collects its numbers.

    Args:
        case: The case.
        tested: The class.
        rounded: Whether to change the initial weights by rounding errors. This shows
            how far rounding alone can change each value.

    Returns:
        The verdict, `measured`, `raises` or `not applicable`, and the numbers as text.
        If only the evaluation fails, they are what came before it.
    """
    if reason := not_applicable(case, tested):
        return Verdict(case.name, case.group, "not applicable", reason), {}
    verdict, trace = Verdict(case.name, case.group, "measured"), StepTrace()
    traced = _with_callback(from_other_bits(case) if rounded else case, trace)
    try:
        results = run(traced, tested)
    except EvaluationError as stopped:
        verdict, results = raised(case, stopped.error), stopped.seen
    except Exception as error:
        return raised(case, error), {}
    results = {k: v for k, v in results.items() if k not in ("idle", "moved")}
    data = {DATA: _digest(tested)} if case.built else {}
    numbers = flatten({**results, **trace.results(), **data})
    values = {key: encode(value) for key, value in numbers.values.items()}
    return verdict, {"values": values, "names": numbers.names}


def _digest(tested: ClassUnderTest) -> int:
    """Returns a number that shows whether two functions make equal data."""
    keras.utils.set_random_seed(11)
    found = hashlib.sha256()
    for array in keras.tree.flatten(tested.build()[1]):
        found.update(repr((array.shape, array.dtype)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(found.digest()[:4])


def _with_callback(case: Case, callback: keras.callbacks.Callback) -> Case:
    """Returns a case whose `fit()` gets one more callback, before all others."""

    def fit():
        arguments = case.fit()
        return {**arguments, "callbacks": [callback, *arguments.get("callbacks", ())]}

    return replace(case, fit=fit)


class StepTrace(keras.callbacks.Callback):
    """Keeps one number of each variable after each step, to locate the first change.

    Whole weights would make the recordings large.
    """

    def __init__(self):
        """Starts with no steps."""
        super().__init__()
        self.rows, self.trainable = [], []

    def on_train_begin(self, logs=None):
        """Keeps the initial weights, and which of them are trainable."""
        trainable = {id(v) for v in self.model.trainable_variables}
        self.trainable = [id(v) in trainable for v in self.model.variables]
        self._keep()

    def on_train_batch_end(self, batch, logs=None):
        """Keeps the weights after a step."""
        self._keep()

    def _keep(self):
        self.rows.append([_projection(v) for v in self.model.variables])

    def results(self) -> dict:
        """Returns the numbers: a row for the initial weights and for each step."""
        if len({len(row) for row in self.rows}) != 1:
            return {}  # fit() did not run, or a step made a variable
        trace = np.array(self.rows, "float32")
        return {TRACE: trace, TRAINABLE: np.array(self.trainable)}


def _projection(variable) -> float:
    """Returns a sum of the elements with different factors, so that signs count."""
    flat = np.asarray(variable).astype("float64").ravel()
    return float(flat @ np.cos(np.arange(1, flat.size + 1)))
