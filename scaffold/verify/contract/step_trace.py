"""What can be read off a step's program, without running it: its jaxpr."""

from functools import cache
from typing import NamedTuple

import jax
import keras


class Traced(NamedTuple):
    """A step as a program, with what goes in and what comes out.

    `variables` are those of the state, in its order; `state` has their values, and
    `new_state` and `logs` have shapes and dtypes alone.
    """

    variables: list
    state: tuple
    program: object
    logs: dict
    new_state: tuple


def trace(model, name: str, data) -> Traced:
    """Traces `train_step` or `test_step` of a model that is built.

    Args:
        model: The model.
        name: The name of the step.
        data: A batch.
    """
    parts = state_variables(model)
    if name == "test_step":  # an evaluation has no optimizer
        del parts[2]
    state = values(parts)
    make = jax.make_jaxpr(getattr(model, name), return_shape=True)
    program, (logs, new_state) = make(state, data)
    return Traced(sum(parts, []), state, program, logs, new_state)


def state_variables(model) -> list[list]:
    """Lists the variables of the state of `train_step()`, in its four parts."""
    return [
        list(model.trainable_variables),
        list(model.non_trainable_variables),
        list(model.optimizer.variables),
        list(model.metrics_variables),
    ]


def values(parts) -> tuple:
    """Returns the state that some variables hold, as `fit()` makes it."""
    return tuple([v.value for v in part] for part in parts)


def state_problems(traced: Traced) -> list[str]:
    """Says how the state that comes out is not built like the one that went in."""
    old, new = traced.state, traced.new_state
    if jax.tree.structure(old) != jax.tree.structure(new):
        return ["the structure of the state changes"]
    typeof = jax.typeof if hasattr(jax, "typeof") else jax.core.get_aval  # JAX 0.5
    inputs = map(typeof, jax.tree.leaves(old))
    outputs = traced.program.out_avals[-len(traced.variables) :]
    pairs = zip(traced.variables, inputs, outputs, strict=True)
    return [
        f"{variable.path}: {before} becomes {after}"
        for variable, before, after in pairs
        if before != after
    ]


def log_problems(traced: Traced) -> list[str]:
    """Says which logs are not numbers."""
    if not isinstance(traced.logs, dict):
        return ["the logs are not a dict"]
    return [
        f"the log {name} has the shape {getattr(value, 'shape', 'of no array')}"
        for name, value in traced.logs.items()
        if getattr(value, "shape", None) != ()
    ]


def tracers(model) -> list[str]:
    """Names the attributes of a model and its layers that hold values of a trace."""
    return [
        f"{type(owner).__name__}.{name}"
        for owner in (model, *model.layers)
        for name, value in _public(owner)
        if any(isinstance(v, jax.core.Tracer) for v in keras.tree.flatten(value))
    ]


@cache
def _keras_names() -> frozenset[str]:
    """Names the attributes of every compiled model: those are Keras's to look after.

    Its `test_step()` updates the loss tracker of `compile()` even where the class has
    one of its own, and drops the result.
    """
    model = keras.Model()
    model.compile("sgd", loss="mse", metrics=["mae"])
    return frozenset(vars(model))


def _public(owner) -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(owner).items() if name[0] != "_"]


def constants(traced: Traced, model) -> list[str]:
    """Names the variables whose present values are a part of the program."""
    owners = (keras.optimizers.Optimizer, keras.metrics.Metric, keras.layers.Layer)
    own = [value for name, value in vars(model).items() if name not in _keras_names()]
    objects = keras.tree.flatten(own)
    held = [value for value in objects if isinstance(value, owners)]
    known = [*model.variables, *traced.variables]
    known += [variable for owner in held for variable in owner.variables]
    paths = {id(v.value): v.path for v in known}
    return [paths[id(c)] for c in traced.program.consts if id(c) in paths]


def unchanged(traced: Traced) -> set[str]:
    """Names the variables of the state whose input goes straight to the output."""
    program, count = traced.program.jaxpr, len(traced.variables)
    pairs = zip(
        traced.variables, program.invars, program.outvars[-count:], strict=False
    )
    return {variable.path for variable, old, new in pairs if old is new}


_RANDOM = ("random_bits", "threefry2x32", "rng_bit_generator", "random_seed")


def constant_draws(traced: Traced) -> set[str]:
    """Names the random primitives of a step whose keys do not depend on the state."""
    program, count = traced.program.jaxpr, len(traced.variables)
    known = [number < count for number in range(len(program.invars))]
    fixed = set()
    _follow(program, known, fixed)
    return fixed


def _follow(jaxpr, known, fixed) -> list[bool]:
    """Follows what depends on the state, and notes random numbers that do not.

    Args:
        jaxpr: A program.
        known: Which of its inputs depend on the state.
        fixed: Receives the random primitives whose inputs do not.

    Returns:
        Which of its outputs depend on the state.
    """
    depends = dict(zip(jaxpr.invars, known, strict=True))

    def of(atom):
        return not hasattr(atom, "val") and depends.get(atom, False)

    for eqn in jaxpr.eqns:
        inputs = [of(atom) for atom in eqn.invars]
        outputs = [any(inputs)] * len(eqn.outvars)
        if eqn.primitive.name in _RANDOM and not any(inputs):
            fixed.add(eqn.primitive.name)
        for inner in _inner(eqn):
            if len(inner.invars) == len(inputs):
                found = _follow(inner, inputs, fixed)
                if len(found) == len(outputs):
                    outputs = found
        depends |= dict(zip(eqn.outvars, outputs, strict=True))
    return [of(atom) for atom in jaxpr.outvars]


def _inner(eqn):
    """Yields the programs that an operation runs: those of `jit`, of `scan`, ..."""
    for value in eqn.params.values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield inner
