"""Trains a model of a case, and collects everything that can be observed of it."""

from collections.abc import Callable

import keras
import numpy as np

from ..verdict import during
from .build_model import build
from .case import BATCH, ROWS, Case
from .differences import arrays


def run(case: Case, style: str, base: type, objective: Callable[[], dict]) -> dict:
    """Trains, evaluates and predicts; returns everything that can be observed.

    Args:
        case: The case.
        style: How the model is built.
        base: The class to build on.
        objective: Makes the loss and metrics for `compile()`, whose variables lie on
            the devices of the case.

    Returns:
        A dict of names and NumPy arrays.
    """
    # Names start anew. To free memory as well would take longer with every program.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(11)
    keras.config.set_dtype_policy(case.policy)
    if case.distribution:
        keras.distribution.set_distribution(case.distribution())
    try:
        model = build(case, style, base)
        start = [np.array(w) for w in model.get_weights()]
        model.compile(**{"optimizer": "adam", **case.compile(), **objective()})
        return observe(case, model, start)
    finally:
        keras.distribution.set_distribution(None)
        keras.config.set_dtype_policy("float32")


class Steps(keras.callbacks.Callback):
    """Keeps the logs of each step; unlike the weights, they can be read for nothing."""

    def __init__(self):
        """Starts with no steps."""
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        """Keeps the logs."""
        self.logs.append(dict(logs or {}))


def observe(case: Case, model, start) -> dict:
    """Trains a compiled model and collects what it shows."""
    data = case.data()
    seen = {}
    if case.train:
        seen["trained"] = case.train(model, data)
    else:
        steps = Steps()
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
        # What a generator brings, `fit()` must not be given again.
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
    """The evaluation failed; what the training showed can be compared all the same."""

    def __init__(self, seen: dict, error: Exception):
        """Takes what was seen before, and the error."""
        super().__init__(str(error))
        self.seen = seen
        self.error = error


def evaluation(case: Case, model, data) -> dict:
    """Evaluates and predicts; returns what a trained model shows."""
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
