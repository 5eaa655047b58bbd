"""What the independent checks share: plain loops, and the models they are held against.

A check writes its algorithm once more, from the paper: functions of arrays that JAX
differentiates, and an optimizer that is written out. Keras trains nothing in it.
"""

import sys
import types
from functools import cache

import jax
import jax.numpy as jnp
import keras
import numpy as np
from matrix import text

from scaffold import Spec

TOLERANCE = 1e-6


@cache
def load(recipe: str, **options) -> types.ModuleType:
    """Imports what a recipe generates."""
    name = "_".join(
        ["generated", recipe.replace("-", "_"), *map(str, options.values())]
    )
    module = sys.modules[name] = types.ModuleType(name)
    exec(text(Spec(recipe=recipe, **options)), module.__dict__)
    return module


class Adam:
    """Adam as Keras has it: its epsilon is added before the bias is corrected.

    Kingma and Ba, 2014, arXiv:1412.6980.
    """

    def __init__(self, values, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        """Starts with moments of zero for a tree of arrays."""
        self.rate, self.betas, self.epsilon = rate, (beta_1, beta_2), epsilon
        self.first = jax.tree.map(jnp.zeros_like, values)
        self.second = jax.tree.map(jnp.zeros_like, values)
        self.count = 0

    def step(self, values, grads):
        """Returns the values after a step along gradients."""
        one, two = self.betas
        self.count += 1
        rate = self.rate * np.sqrt(1 - two**self.count) / (1 - one**self.count)
        self.first = jax.tree.map(
            lambda m, g: one * m + (1 - one) * g, self.first, grads
        )
        self.second = jax.tree.map(
            lambda v, g: two * v + (1 - two) * g**2, self.second, grads
        )
        return jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + self.epsilon),
            values,
            self.first,
            self.second,
        )


class BatchLogs(keras.callbacks.Callback):
    """Keeps what each step reported: the means of the epoch so far."""

    def __init__(self):
        """Starts with none."""
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        """Keeps the logs."""
        self.logs.append(logs)


def fit(model, *data, batch_size=8, **arguments) -> dict[str, np.ndarray]:
    """Trains for an epoch in the order of the data.

    Returns:
        What each step reported, by name.
    """
    kept = BatchLogs()
    settings = {"batch_size": batch_size, "shuffle": False, "verbose": 0, **arguments}
    model.fit(*data, callbacks=[kept], **settings)
    return {name: np.array([logs[name] for logs in kept.logs]) for name in kept.logs[0]}


def running_means(losses) -> np.ndarray:
    """Returns the means up to each step, a row each: what Keras reports of losses."""
    return np.cumsum(losses, axis=0) / np.arange(1, len(losses) + 1)[:, None]


def values(variables) -> list[np.ndarray]:
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def give(variables, others) -> None:
    """Gives variables values."""
    for variable, value in zip(variables, others, strict=True):
        variable.assign(value)


def assert_close(one, other) -> None:
    """Asserts that trees of arrays agree to 1e-6."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    for left, right in pairs:
        np.testing.assert_allclose(left, right, rtol=TOLERANCE, atol=TOLERANCE)


def assert_same(one, other) -> None:
    """Asserts that lists of arrays are equal, to the last bit."""
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
