"""Trains the model of a case, and collects everything observable."""

from collections.abc import Callable

import keras
import numpy as np

from ..verdict import during
from .batches import BATCH, ROWS
from .build_model import build
from .case import Case
from .differences import arrays


def run(case: Case, style: str, base: type, make_objective: Callable[[], dict]) -> dict:
    """Trains, evaluates and predicts.

    Args:
        case: The case.
        style: How the model is built.
        base: The class to build on.
        make_objective: Makes the loss and the metrics for `compile()`. It is called
            under the case's distribution, which places their variables.

    Returns:
        A dict of NumPy arrays.
    """
    # Reset Keras's name counters. Freeing memory as well would get slower each time.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(11)
    keras.config.set_dtype_policy(case.policy)
    if case.distribution:
        keras.distribution.set_distribution(case.distribution())
    try:
        model = build(case, style, base)
        start = [np.array(w) for w in model.get_weights()]
        settings = {"optimizer": "adam", **case.compile(), **make_objective()}
        model.compile(**settings)
        return observe(case, model, start)
    finally:
        keras.distribution.set_distribution(None)
        keras.config.set_dtype_policy("float32")


class StepLogs(keras.callbacks.Callback):
    """Records the logs of each step. Recording the weights would be slow."""

    def __init__(self):
        """Starts with no steps."""
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        """Records the logs."""
        self.logs.append(dict(logs or {}))


def observe(case: Case, model, start) -> dict:
    """Trains a compiled model, and returns everything observable.

    Args:
        case: The case.
        model: The model.
        start: Its initial weights.

    Raises:
        EvaluationError: If training succeeds and the evaluation fails.
    """
    data = case.data()
    seen = {}
    if case.train:
        seen["trained"] = case.train(model, data)
    else:
        steps = StepLogs()
        arguments = {
            "x": data.x,
            "y": data.y,
            "sample_weight": data.sample_weight,
            "batch_size": BATCH,
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
        seen["steps"] = steps.logs
    case.after(model)
    seen["weights"] = {v.path + f"#{i}": v for i, v in enumerate(model.variables)}
    seen["optimizer"] = {
        v.name + f"#{i}": v for i, v in enumerate(model.optimizer.variables)
    }
    seen = arrays(seen)
    seen["moved"] = any(
        not np.array_equal(a, b)
        for a, b in zip(start, model.get_weights(), strict=True)
    )
    try:
        seen |= evaluation(case, model, data)
    except Exception as error:
        raise EvaluationError(seen, error) from error
    return arrays(seen)


class EvaluationError(Exception):
    """The evaluation failed. The results of training can still be compared."""

    def __init__(self, seen: dict, error: Exception):
        """Initializes the error with the results of training and its cause."""
        super().__init__(str(error))
        self.seen = seen
        self.error = error


def evaluation(case: Case, model, data) -> dict:
    """Evaluates and predicts, and returns the results."""
    if not case.evaluate:
        return {}
    arguments = {"batch_size": BATCH, "verbose": 0}
    if data.sample_weight is not None:
        arguments["sample_weight"] = data.sample_weight
    with during("evaluate()"):
        results = {
            "evaluate": model.evaluate(data.x, data.y, return_dict=True, **arguments),
            "evaluate_list": model.evaluate(data.x, data.y, **arguments),
        }
    with during("predict()"):
        results["predict"] = model.predict(data.x, batch_size=ROWS, verbose=0)
    return {**results, "weights_after": model.get_weights()}
