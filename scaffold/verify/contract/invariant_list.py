"""The promises that every step makes: each is one `Invariant`."""

import os
import tempfile
from collections.abc import Callable

import jax
import keras
import numpy as np

from ..parity.differences import ATOL, RTOL
from ..verdict import describe
from .invariant import Invariant
from .model_factory import NotApplicable
from .step_trace import (
    constant_draws,
    constants,
    log_problems,
    state_problems,
    state_variables,
    trace,
    tracers,
    unchanged,
    values,
)


def _of_both_steps(problems: Callable) -> Callable:
    """Makes a check of what one step's program shows."""

    def check(factory) -> list[str]:
        model = factory.ready(factory.model())
        return [
            f"{name}(): {problem}"
            for name in ("train_step", "test_step")
            for problem in problems(trace(model, name, factory.batch()), model)
        ]

    return check


def _no_leak(factory) -> list[str]:
    model = factory.ready(factory.model())
    for name in ("train_step", "test_step"):
        trace(model, name, factory.batch())
    return [f"{name} holds a value of the step" for name in tracers(model)]


def _carry(factory) -> list[str]:
    model = factory.ready(factory.model())
    variables = state_variables(model)
    state, batches = values(variables), [factory.batch(0), factory.batch(1)]
    stacked = jax.tree.map(lambda *a: np.stack(a), *batches)
    scanned, _ = jax.lax.scan(lambda s, d: model.train_step(s, d)[::-1], state, stacked)
    step = jax.jit(model.train_step)
    for data in batches:
        _, state = step(state, data)
    return _unequal(
        [v.path for v in sum(variables, [])],
        jax.tree.leaves(state),
        jax.tree.leaves(scanned),
        "step by step",
        "in a scan",
    )


def _unequal(names, left, right, here, there) -> list[str]:
    return [
        f"{name} is not the same {here} and {there}"
        for name, a, b in zip(names, left, right, strict=True)
        if not np.allclose(a, b, RTOL, ATOL, equal_nan=True)
    ]


def _compiled(factory) -> list[str]:
    return [
        f"{name} has supports_jit = False, so Keras compiles no step of the model"
        for name in _without_jit(factory.model())
    ]


def _without_jit(model) -> list[str]:
    """Names the layers with which Keras does not compile a model."""
    inner = sum(map(_without_jit, getattr(model, "layers", ())), [])
    return inner + [model.name] * (not model.supports_jit)


def _one_trace(factory) -> list[str]:
    model = factory.model()
    if not model.jit_compile:
        raise NotApplicable("the steps are not compiled")
    counts = {}
    for name in ("train_step", "test_step"):
        _count(model, name, counts)
    factory.fit(model, epochs=3)
    factory.evaluate(model)
    return [
        f"{name}() is compiled {count} times for one shape"
        for name, count in counts.items()
        if count > 1
    ]


def _count(model, name, counts):
    """Counts the calls of a method of one model: compiled steps trace it once."""
    method = getattr(model, name)

    def counting(*args):
        counts[name] = counts.get(name, 0) + 1
        return method(*args)

    object.__setattr__(model, name, counting)


def _state_moves(factory) -> list[str]:
    model = factory.ready(factory.model())
    still = unchanged(trace(model, "train_step", factory.batch()))
    still_in_test = unchanged(trace(model, "test_step", factory.batch()))
    problems = [
        f"{v.path} is never updated"
        for v in model.trainable_variables
        if v.path in still
    ]
    metrics = {v.path for v in model.metrics_variables}
    problems += [
        f"the metric's {path} is never updated"
        for path in sorted(metrics & still & still_in_test)
    ]
    if metrics and metrics <= still_in_test:
        problems.append("no metric is updated in evaluation")
    at_rest = _frozen(model)
    problems += [
        f"{v.path} does not change in training"
        for v in model.non_trainable_variables
        if v.path in still and _moves(v.path) and id(v) not in at_rest
    ]
    # The factory's own layers are at rest in evaluation; other models may sample there.
    resting = "moving_" if factory.tested.build else ("moving_", "seed_generator_state")
    return problems + [
        f"{v.path} changes in evaluation"
        for v in model.non_trainable_variables
        if v.path not in still_in_test and v.path.split("/")[-1].startswith(resting)
    ]


def _moves(path: str) -> bool:
    """Whether a variable is one of Keras's that training changes."""
    return path.split("/")[-1] in (
        "seed_generator_state",
        "moving_mean",
        "moving_variance",
    )


def _frozen(model) -> set[int]:
    """Finds the variables of layers that are not trainable, such as a teacher's."""
    if not model.trainable:
        return {id(v) for v in model.variables}
    return set().union(*map(_frozen, getattr(model, "layers", ())))


def _gradients(factory) -> list[str]:
    model = factory.ready(factory.model())
    before = [np.array(v) for v in model.trainable_variables]
    factory.fit(model, epochs=2)
    return [
        f"no gradient reaches {v.path}"
        for v, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(old, np.array(v))
    ]


def _randomness(factory) -> list[str]:
    model = factory.ready(factory.model())
    draws = constant_draws(trace(model, "train_step", factory.batch()))
    return [f"{name} draws from a constant key" for name in sorted(draws)]


def _metrics_start_anew(factory) -> list[str]:
    model = factory.model()
    factory.fit(model)
    listed = {id(metric) for metric in model.metrics}
    problems = [
        f"{name} is not among the model's metrics: nothing resets it"
        for name, value in vars(model).items()
        if isinstance(value, keras.metrics.Metric)
        and not name.startswith("_")  # Keras's own
        and id(value) not in listed
    ]
    # The second epoch of one training is the first epoch of another.
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


def _evaluation_is_clean(factory) -> list[str]:
    model = factory.model()
    factory.fit(model)
    before = [np.array(v) for v in model.weights]
    factory.evaluate(model)
    return [
        f"{v.path} changes"
        for v, old in zip(model.weights, before, strict=True)
        if not np.array_equal(old, np.array(v))
    ]


def _saving(factory) -> list[str]:
    model = factory.model()
    factory.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
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
    # Keras does not restore the seeds of Dropout: give both the same.
    for a, b in zip(model.variables, loaded.variables, strict=True):
        if a.path.endswith("seed_generator_state"):
            b.assign(np.array(a))
    first, second = (factory.fit(m) for m in (model, loaded))
    return problems + [
        f"{name} is {first[name][0]:.6g} when trained on, {second[name][0]:.6g} after "
        "loading"
        for name in first.keys() & second.keys()
        if not np.isclose(first[name][0], second[name][0], RTOL, ATOL)
    ]


def _same_everywhere(**settings):
    def check(factory) -> list[str]:
        plain, other = factory.model(), factory.model(**settings)
        left, right = factory.fit(plain, epochs=2), factory.fit(other, epochs=2)
        how = ", ".join(f"{name}={value}" for name, value in settings.items())
        problems = [
            f"{name} is {left[name][-1]:.6g}, but {right.get(name, [np.nan])[-1]:.6g} "
            f"with {how}"
            for name in left
            if not np.isclose(left[name][-1], right.get(name, [np.nan])[-1], 1e-4, 1e-5)
        ]
        pairs = plain.weights, plain.get_weights(), other.get_weights()
        for v, a, b in zip(*pairs, strict=True):
            if not np.allclose(a, b, 1e-3, 1e-4):
                problems.append(f"{v.path} is not the same with {how}")
        return problems

    return check


def _weights_count(factory) -> list[str]:
    factory.model()
    if len(factory.data) < 2:
        raise NotApplicable("it trains without targets")
    rows = len(keras.tree.flatten(factory.data[0])[0])
    weights = np.linspace(0.1, 2.0, rows).astype("float32")
    problems = []
    for call in ("evaluate", "fit"):
        try:
            left, right = (
                getattr(factory, call)(factory.model(), sample_weight=w)
                for w in (weights, weights[::-1])
            )
        except ValueError as error:
            raise NotApplicable(f"it refuses weights: {describe(error)}") from error
        if all(np.allclose(left[name], right[name], 1e-4, 1e-6) for name in left):
            problems.append(f"{call}() gives the same with any weights")
    return problems


INVARIANTS = (
    Invariant(
        "the state keeps its form",
        _of_both_steps(lambda traced, model: state_problems(traced)),
        "The state that comes out has other containers, shapes or dtypes than the one "
        "that went in.",
        "Return a tuple of lists of what Keras's stateless methods give.",
    ),
    Invariant(
        "the logs are numbers",
        _of_both_steps(lambda traced, model: log_problems(traced)),
        "The logs are not the metrics of the epoch: one number each, in a flat dict.",
        "Keep what you report in a metric, and return self.compute_metrics(...).",
        quick=True,
    ),
    Invariant(
        "nothing is read outside the state",
        _of_both_steps(constants),
        "A variable is read outside the state: its value becomes a constant.",
        "Read variables in a keras.StatelessScope that maps them, and let the model "
        "track those of a second optimizer: self.more = list(optimizer.variables).",
        quick=True,
    ),
    Invariant(
        "no value leaks from the step",
        _no_leak,
        "A value of the step is kept in an attribute, where nothing can use it.",
        "Return it in the logs, or keep it in a variable of the model.",
    ),
    Invariant(
        "the state can be carried by a scan",
        _carry,
        "The state changes its form, or something beside it changes from step to step.",
        "Return the state as it came: a tuple of lists of arrays of the same dtypes.",
    ),
    Invariant(
        "the steps are compiled",
        _compiled,
        "Keras trains a model uncompiled if a layer says that it cannot be compiled: "
        "each step takes many times as long, and nothing tells.",
        "JAX compiles RandomTranslation, RandomZoom, RandomRotation and RandomShear: "
        "set layer.supports_jit = True before compile(). Layers that read strings "
        "belong in the data pipeline.",
    ),
    Invariant(
        "nothing compiles twice",
        _one_trace,
        "Shapes, dtypes or weak types change from step to step.",
        "Return metrics and counters with the dtypes that their variables have.",
    ),
    Invariant(
        "all state moves",
        _state_moves,
        "The new state of the forward pass or of the metrics is dropped, or the model "
        "does not run in training mode.",
        "Pass training=True in train_step() alone, and return all that changed.",
    ),
    Invariant(
        "gradients reach every variable",
        _gradients,
        "The loss does not depend on the variable, or its gradient is stopped or "
        "scaled to nothing.",
        "Freeze it (trainable = False) if that is meant; or look for what cannot be "
        "differentiated on its way to the loss.",
    ),
    Invariant(
        "random numbers depend on the state",
        _randomness,
        "A random key is made from a constant in the step: each step draws the same.",
        "Make a keras.random.SeedGenerator in __init__() and draw with seed=... in the "
        "scope of the step.",
    ),
    Invariant(
        "metrics start anew each epoch",
        _metrics_start_anew,
        "A metric is not in `self.metrics`, or its state is kept beside the state.",
        "Assign it in __init__(), and list it where you override `metrics`.",
    ),
    Invariant(
        "evaluation changes no weight",
        _evaluation_is_clean,
        "test_step() returns new weights, or runs the model in training mode.",
        "Pass training=False, and return the variables as they came.",
    ),
    Invariant(
        "a saved model trains on",
        _saving,
        "Not all state is in variables, get_config() lacks an argument, or the class "
        "is not registered.",
        "Keep state in variables; use @keras.saving.register_keras_serializable().",
    ),
    Invariant(
        "steps_per_execution changes nothing",
        _same_everywhere(steps_per_execution=3),
        "The step depends on something beside its state.",
        "Keep what changes in keras.Variables, so that it travels in the state.",
    ),
    Invariant(
        "eager execution changes nothing",
        _same_everywhere(run_eagerly=True),
        "A Python number changes from step to step: compiled, it is a constant.",
        "Keep it in a keras.Variable, so that it travels in the state.",
        quick=True,
    ),
    Invariant(
        "sample weights change the loss",
        _weights_count,
        "The weights are unpacked, and then not used.",
        "Pass them on: self.compute_loss(x, y, y_pred, sample_weight); or raise a "
        "ValueError if one arrives.",
        weighted=True,
    ),
)
