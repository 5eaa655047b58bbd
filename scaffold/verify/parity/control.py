"""Shows what rounding alone does to Keras's own steps on the model of a case.

Two correct ways to compute the same step round differently. Some networks inflate this:
the gradient of a bias before a normalization is nothing but rounding, and Adam makes
steps of full size out of it.
"""

from dataclasses import replace

import keras
import numpy as np

from .case import Case
from .differences import FACTOR, compare
from .keras_steps import use_keras_steps
from .run_case import run


def allowed_differences(case, reference) -> dict[str, float]:
    """Returns the differences that rounding explains, by the keys of the numbers.

    Args:
        case: The case.
        reference: The `Reference` whose numbers another step should give.
    """
    numbers = run(from_other_bits(case), reference.tested, use_keras_steps)
    both = (
        {k: v for k, v in n.items() if k != "idle"}
        for n in (reference.numbers, numbers)
    )
    return {d.key: FACTOR * (d.size or 0) for d in compare(*both)}


def from_other_bits(case: Case) -> Case:
    """Returns a case that trains from weights that differ in their last bits."""

    def train(model, data):
        change_last_bits(model)
        return case.train(model, data)

    def fit() -> dict:
        arguments = case.fit()
        callbacks = [*arguments.get("callbacks", ()), OtherBits()]
        return {**arguments, "callbacks": callbacks}

    return replace(case, fit=fit, train=case.train and train)


class OtherBits(keras.callbacks.Callback):
    """Changes the weights when training begins: fit() may have built the model."""

    def on_train_begin(self, logs=None):
        """Changes them."""
        change_last_bits(self.model)


def change_last_bits(model) -> None:
    """Changes the trainable variables of a model in their last bits.

    These are the last bits of the dtype in which the model computes, such as float16.
    """
    rng = np.random.default_rng(0)
    eps = max(map(_precision, {_compute_dtype(layer) for layer in _layers(model)}))
    for variable in model.trainable_variables:
        value = np.array(variable)
        if value.dtype.kind != "f":
            continue
        bits = eps * np.maximum(np.abs(value), 1e-3) * rng.choice([-1, 1], value.shape)
        variable.assign((value + bits).astype(value.dtype))


def _layers(model) -> list:
    return [model, *getattr(model, "layers", ())]


def _compute_dtype(layer) -> str:
    return getattr(layer, "compute_dtype", None) or "float32"


def _precision(dtype: str) -> float:
    """Returns the relative distance of two neighboring numbers of a dtype."""
    return {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype, 2.0**-23)
