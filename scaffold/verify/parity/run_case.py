"""Trains the model of a case, and collects everything observable."""

from collections.abc import Callable

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..verdict import during
from .batches import ROWS, Batch, predicting
from .build_model import build, compile_arguments, objective_of
from .case import Case
from .differences import arrays


def run(
    case: Case,
    tested: ClassUnderTest,
    change: Callable = lambda model: None,
    is_enough: Callable = lambda numbers: False,
) -> dict:
    """Trains, evaluates and predicts.

    Args:
        case: The case.
        tested: The class to build on.
        change: Called with the model before it is compiled, or before it is trained if
            `--build` compiles it.
        is_enough: Called with the numbers of the training. If it returns true, the
            model is not evaluated.

    Returns:
        A dict of NumPy arrays.
    """
    with predicting(objective_of(case, tested)):
        return _run(case, tested, change, is_enough)


def _run(case: Case, tested: ClassUnderTest, change, is_enough) -> dict:
    # Reset Keras's name counters. Freeing memory as well would get slower each time.
    keras.utils.clear_session(free_memory=False)
    keras.config.disable_traceback_filtering()  # which clear_session() enables
    keras.utils.set_random_seed(11)
    keras.config.set_dtype_policy(case.policy)
    if case.distribution:
        keras.distribution.set_distribution(case.distribution())
    try:
        if tested.build:
            model, data = tested.build()
            change(model)
            data = _of_built(case, data, tested.batch_size)
        else:
            model, data = build(case, tested.style, tested.load()), case.data()
            change(model)
            # Under the case's distribution, which places the variables of metrics.
            settings = compile_arguments(case, tested)
            model.compile(**{"optimizer": "adam", **case.compile(), **settings})
        case.prepare(model)
        return observe(case, model, data, tested.batch_size, is_enough)
    finally:
        keras.distribution.set_distribution(None)
        keras.config.set_dtype_policy("float32")


def _of_built(case: Case, data: tuple, batch_size: int) -> Batch:
    """Cuts the data of `--build`, so that the last batch is small."""
    rows = 2 * batch_size + (0 if case.full else max(1, batch_size // 2))
    x, y, weight = (*keras.tree.map_structure(lambda a: a[:rows], data), None, None)[:3]
    if case.weighted and weight is None:
        weight = np.random.default_rng(0).uniform(0.2, 2.0, rows).astype("float32")
    return Batch(x, y, weight)


class StepLogs(keras.callbacks.Callback):
    """Records the initial weights, and the logs of each step."""

    def __init__(self):
        """Starts with no steps."""
        super().__init__()
        self.start, self.logs = None, []

    def on_train_begin(self, logs=None):
        """Records the weights: before fit(), the model may have had none."""
        if self.start is None:
            self.start = copied(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        """Records the logs."""
        self.logs.append(dict(logs or {}))


def observe(
    case: Case, model, data: Batch, batch_size: int, is_enough=lambda numbers: False
) -> dict:
    """Trains a compiled model, and returns everything observable.

    Args:
        case: The case.
        model: The model.
        data: The data to train with.
        batch_size: The rows of a batch.
        is_enough: Whether numbers of the training need none of the evaluation.

    Raises:
        EvaluationError: If training succeeds and the evaluation fails.
    """
    start, seen = copied(model.get_weights()), {}
    if case.train:
        seen["trained"] = case.train(model, data)
    else:
        steps = StepLogs()
        arguments = {
            "x": data.x,
            "y": data.y,
            "sample_weight": data.sample_weight,
            "batch_size": batch_size,
            "epochs": 3,
            "verbose": 0,
            "shuffle": False,
            **case.fit(),
        }
        # A data set brings its own targets and batches.
        arguments = {k: v for k, v in arguments.items() if v is not None}
        arguments["callbacks"] = [*arguments.get("callbacks", ()), steps]
        with during("fit()"):
            seen["history"] = model.fit(**arguments).history
        start, seen["steps"] = steps.start, steps.logs
    case.after(model)
    seen["weights"] = {v.path + f"#{i}": v for i, v in enumerate(model.variables)}
    seen["optimizer"] = {
        v.name + f"#{i}": v for i, v in enumerate(model.optimizer.variables)
    }
    seen = arrays(seen)
    trained = model.get_weights()
    seen["moved"] = len(start) != len(trained) or not all(
        map(np.array_equal, start, trained)
    )
    seen["idle"] = np.array([m.name for m in model.metrics if _is_idle(m)], dtype="U")
    seen = arrays(seen)
    if is_enough(seen):
        return seen
    try:
        seen |= evaluation(case, model, data, batch_size)
    except Exception as error:
        raise EvaluationError(seen, error) from error
    return arrays(seen)


def copied(weights: list) -> list[np.ndarray]:
    """Returns copies of weights."""
    return [np.array(weight) for weight in weights]


class EvaluationError(Exception):
    """The evaluation failed. The results of training can still be compared."""

    def __init__(self, seen: dict, error: Exception):
        """Initializes the error with the results of training and its cause."""
        super().__init__(str(error))
        self.seen = seen
        self.error = error


def _is_idle(metric) -> bool:
    """Whether a metric was never updated: its variables are all zero."""
    return not any(np.any(np.array(v)) for v in metric.variables)


def evaluation(case: Case, model, data: Batch, batch_size: int) -> dict:
    """Evaluates and predicts, and returns the results."""
    if not case.evaluate:
        return {}
    arguments = {"batch_size": batch_size, "verbose": 0}
    if data.sample_weight is not None:
        arguments["sample_weight"] = data.sample_weight
    with during("evaluate()"):
        results = {
            "evaluate": model.evaluate(data.x, data.y, return_dict=True, **arguments),
            "evaluate_list": model.evaluate(data.x, data.y, **arguments),
        }
    with during("predict()"):
        rows = len(keras.tree.flatten(data.x)[0]) if case.built else ROWS
        results["predict"] = model.predict(data.x, batch_size=rows, verbose=0)
    return {**results, "weights_after": model.get_weights()}
