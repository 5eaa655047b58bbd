"""Runs checks in a worker, and collects the numbers of each."""

from dataclasses import replace

import jax
import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..parity import own_model
from ..parity.batches import predicting
from ..parity.build_model import compile_arguments, objective_of
from ..parity.case import Case
from ..parity.check import not_applicable
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
    if reason := _not_applicable(case, tested):
        return Verdict(case.name, case.group, "not applicable", reason), {}
    verdict, trace = Verdict(case.name, case.group, "measured"), StepTrace()
    try:
        changed = _with_rounded_weights(case) if rounded else case
        results = _run(_with_callback(changed, trace), tested)
        located = trace.results()
        if case.group == own_model.GROUP:
            located[DATA] = own_model.digest(tested)
    except EvaluationError as stopped:
        verdict = raised(case, stopped.error)
        results, located = stopped.seen, trace.results()
    except Exception as error:
        return raised(case, error), {}
    numbers = flatten({**results, **located})
    values = {key: encode(value) for key, value in numbers.values.items()}
    return verdict, {"values": values, "names": numbers.names}


def _not_applicable(case: Case, tested: ClassUnderTest) -> str:
    """Returns why a case does not apply. No reference model is needed."""
    if case.group == own_model.GROUP:
        return own_model.not_applicable(case, tested)
    if tested.build is not None:
        return "the model comes from a function, so only its own layers are trained"
    return not_applicable(case, replace(tested, unknown=""))


def _run(case: Case, tested: ClassUnderTest) -> dict:
    """Runs a case with a class."""
    if case.group == own_model.GROUP:
        return own_model.run(case, tested)
    owned = tested.owns_loss, tested.owns_metrics
    with predicting(objective_of(case, tested)):
        return run(
            case,
            tested.style,
            tested.load(),
            lambda: compile_arguments(case, tested, *owned),
        )


def _with_rounded_weights(case: Case) -> Case:
    """Returns a case whose initial weights are changed by rounding errors."""

    def train(model, data):
        _round_weights(model)
        return case.train(model, data)

    if case.train:
        return replace(case, train=train)
    return _with_callback(case, RoundedWeights())


def _with_callback(case: Case, callback: keras.callbacks.Callback) -> Case:
    """Returns a case whose `fit()` gets one more callback."""

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


class RoundedWeights(keras.callbacks.Callback):
    """Changes the initial weights by a rounding error."""

    def on_train_begin(self, logs=None):
        """Changes them."""
        _round_weights(self.model)


def _round_weights(model) -> None:
    """Changes each weight by the precision of the layers, up or down."""
    rng = np.random.default_rng(1)
    dtypes = {layer.compute_dtype for layer in (model, *model.layers)}
    precision = max(float(jax.numpy.finfo(dtype).eps) for dtype in dtypes)
    for variable in model.weights:
        value = np.asarray(variable)
        if keras.backend.is_float_dtype(variable.dtype):
            sign = rng.choice((-1, 1), size=value.shape)
            variable.assign((value * (1 + precision * sign)).astype(value.dtype))
