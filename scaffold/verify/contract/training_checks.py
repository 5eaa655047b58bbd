"""Checks that train small models. Each takes a `ModelFactory`, returns the problems."""

import inspect
import os
import tempfile

import keras
import numpy as np

from ..keras_classes import is_of_keras
from ..parity.differences import ATOL, RTOL
from ..verdict import describe, during
from .control import Compared, beyond_rounding, compared_variables
from .model_factory import NotApplicable


def compilation(factory) -> list[str]:
    """Finds layers because of which Keras does not compile the steps."""
    return [
        f"{name} has supports_jit = False, so Keras compiles no step of the model"
        for name in _layers_without_jit(factory.model())
    ]


def _layers_without_jit(model) -> list[str]:
    inner = sum(map(_layers_without_jit, getattr(model, "layers", ())), [])
    return inner + [model.name] * (not model.supports_jit)


def recompilation(factory) -> list[str]:
    """Finds steps that are compiled more than once for one shape."""
    model = factory.model()
    if not model.jit_compile:
        raise NotApplicable("the steps are not compiled")
    # Fused steps are traced once more, to see whether a loop pays off.
    model.steps_per_execution = 1
    counts = {}
    for name in ("train_step", "test_step"):
        _count_calls(model, name, counts)
    factory.fit(model, epochs=3)
    factory.evaluate(model)
    return [
        f"{name}() is compiled {count} times for one shape"
        for name, count in counts.items()
        if count > 1
    ]


def _count_calls(model, name, counts):
    """Counts the calls of a method. A compiled step calls it once, to trace it."""
    method = getattr(model, name)

    def counting(*args):
        counts[name] = counts.get(name, 0) + 1
        return method(*args)

    object.__setattr__(model, name, counting)


def gradients(factory) -> list[str]:
    """Finds trainable variables that training does not change."""
    model, changes = factory.trained_model(), _Changes()
    factory.fit(model, epochs=2, callbacks=[changes])
    counters = [v for v in model.non_trainable_variables if _counts_steps(v)]
    if counters and len(changes.changed) < len(model.trainable_variables):
        # Some variables may train only after a number of steps.
        for counter in counters:
            counter.assign(LATE)
        factory.fit(model, epochs=2, callbacks=[changes])
    return [
        f"no gradient reaches {v.path}"
        for v in model.trainable_variables
        if id(v) not in changes.changed
    ]


#: A number of steps after which all variables train.
LATE = 10**6


def _counts_steps(variable) -> bool:
    """Whether a variable of the model is an integer, as a counter of steps is."""
    is_integer = keras.backend.is_int_dtype(variable.dtype)
    return is_integer and variable.shape == ()


class _Changes(keras.callbacks.Callback):
    """Finds the trainable variables that some step changes.

    An optimizer such as Lion may move a variable back to where it was.
    """

    def __init__(self):
        """Initializes an empty set of variables."""
        super().__init__()
        self.changed = set()

    def on_train_begin(self, logs=None):
        """Keeps the initial values."""
        self.start = {id(v): np.array(v) for v in self.model.trainable_variables}

    def on_train_batch_end(self, batch, logs=None):
        """Compares the values with them."""
        for variable in self.model.trainable_variables:
            if not np.array_equal(self.start[id(variable)], np.array(variable)):
                self.changed.add(id(variable))


def metric_resets(factory) -> list[str]:
    """Finds metrics that keep values of an earlier epoch."""
    model = factory.model()
    factory.fit(model)
    listed = {id(metric) for metric in model.metrics}
    problems = [
        f"{name} is missing from the model's metrics, so nothing resets it"
        for name, value in vars(model).items()
        if isinstance(value, keras.metrics.Metric)
        and not name.startswith("_")  # Keras's own
        and id(value) not in listed
    ]
    # The second epoch must report the same as a first epoch with the same weights.
    whole, halves = factory.model(), factory.model()
    left = factory.fit(whole, epochs=2)
    factory.fit(halves)
    halves.reset_metrics()
    right = factory.fit(halves)
    return problems + [
        f"{name} is {left[name][1]:.6g} after the second epoch, but "
        f"{right[name][0]:.6g} for its batches alone"
        for name in left
        if not np.isclose(left[name][1], right[name][0], 1e-4, 1e-5)
    ]


def evaluation(factory) -> list[str]:
    """Finds weights that `evaluate()` changes."""
    model = factory.model()
    factory.fit(model)
    before = [np.array(v) for v in model.weights]
    factory.evaluate(model)
    return [
        f"{v.path} changes"
        for v, old in zip(model.weights, before, strict=True)
        if not np.array_equal(old, np.array(v))
    ]


def saving(factory) -> list[str]:
    """Finds what differs after a model was saved and loaded."""
    model = factory.model()
    if any(getattr(layer, "lora_enabled", False) for layer in model._flatten_layers()):
        raise NotApplicable("Keras merges the LoRA weights of a layer when it saves it")
    if not _takes_config(type(model)):
        raise NotApplicable(
            f"Keras cannot load a {type(model).__name__}: it has no get_config(), and "
            "__init__() does not take **kwargs"
        )
    factory.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        if model.get_compile_config() is None:  # It cannot be saved.
            loaded = factory.model()
            loaded.load_weights(path)
        else:
            names = {type(model).__name__: type(model)}
            loaded = keras.saving.load_model(path, custom_objects=names)
    pairs = zip(model.get_weights(), loaded.get_weights(), strict=True)
    problems = [
        f"weight {number} is not restored"
        for number, (a, b) in enumerate(pairs)
        if not np.array_equal(a, b) and a.dtype.kind == "f"
    ]
    left, right = factory.predict(model), factory.predict(loaded)
    if not all(map(np.allclose, *map(keras.tree.flatten, (left, right)))):
        problems.append("the predictions change")
    # Keras does not restore the seeds of Dropout: copy them.
    for a, b in zip(model.variables, loaded.variables, strict=True):
        if a.path.endswith("seed_generator_state"):
            b.assign(np.array(a))
    first, second = (factory.fit(m) for m in (model, loaded))
    pairs = [
        Compared(name, name, first[name][0], second[name][0], RTOL, ATOL)
        for name in first.keys() & second.keys()
    ]
    return problems + beyond_rounding(factory, pairs, "in training after loading")


def _takes_config(cls: type) -> bool:
    """Whether a class can be created from a config. It may still lack an argument."""
    own = [base for base in cls.__mro__ if not is_of_keras(base)]
    if any({"get_config", "from_config"} & {*vars(base)} for base in own):
        return True
    return len(inspect.signature(cls.__init__).parameters) > 1


def train_on_batch(factory) -> list[str]:
    """Compares `train_on_batch()` with `fit()` for one batch.

    `train_on_batch()` gives the step `(x, y, weights)`, where weights can be `None`.
    """
    fitted, other = factory.model(), factory.model()
    if len(factory.data) < 2:
        raise NotApplicable("the model trains without targets")
    factory.fit(fitted, data=factory.rows())
    with during("train_on_batch()"):
        other.train_on_batch(*factory.rows())
    pairs = compared_variables(fitted, other, RTOL, ATOL)
    return beyond_rounding(factory, pairs, "with train_on_batch()")


def same_result_with(**settings):
    """Makes a check that compares training with and without some settings."""
    how = ", ".join(f"{name}={value}" for name, value in settings.items())

    def check(factory) -> list[str]:
        plain, other = factory.model(), factory.model(**settings)
        left, right = factory.fit(plain, epochs=2), factory.fit(other, epochs=2)
        pairs = [
            Compared(
                name, name, left[name][-1], right.get(name, [np.nan])[-1], 1e-4, 1e-5
            )
            for name in left
        ]
        pairs += compared_variables(plain, other, 1e-3, 1e-4)
        return beyond_rounding(factory, pairs, f"with {how}", **settings)

    return check


def sample_weights(factory) -> list[str]:
    """Finds calls whose result does not depend on the sample weights."""
    factory.model()
    if len(factory.data) < 2:
        raise NotApplicable("the model trains without targets")
    factory.data = factory.data[:2]
    rows = len(keras.tree.flatten(factory.data[0])[0])
    weights = np.linspace(0.1, 2.0, rows).astype("float32")
    problems = []
    for call in ("evaluate", "fit"):
        try:
            # If all rows are equal, only the size of the weights counts.
            left, *others = (
                getattr(factory, call)(factory.model(), sample_weight=w)
                for w in (weights, weights[::-1], 3 * weights)
            )
        except ValueError as error:
            getattr(factory, call)(factory.model())  # fails if not for the weights
            reason = f"the class refuses sample weights: {describe(error)}"
            raise NotApplicable(reason) from error
        names, what = ([*left], "logs") if "loss" not in left else (["loss"], "loss")
        if all(
            np.allclose(left[name], other[name], 1e-4, 1e-6)
            for name in names
            for other in others
        ):
            problems.append(f"{call}() returns the same {what} with any weights")
    return problems
