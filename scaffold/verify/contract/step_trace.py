"""Traces a step to its jaxpr, and inspects the jaxpr without running it."""

from functools import cache
from typing import NamedTuple

import jax
import keras


class Traced(NamedTuple):
    """A traced step.

    Attributes:
        variables: The variables of the state, in its order.
        state: Their values, as the step receives them.
        program: The jaxpr.
        logs: The shapes and dtypes of the logs.
        new_state: The shapes and dtypes of the returned state.
    """

    variables: list
    state: tuple
    program: object
    logs: dict
    new_state: tuple


def trace(model, name: str, data, again: bool = False) -> Traced:
    """Traces `train_step()` or `test_step()` of a built model.

    Args:
        model: The model.
        name: `"train_step"` or `"test_step"`.
        data: A batch.
        again: Whether to run the step even if `fit()` has traced it before.
    """
    step = getattr(model, name)
    parts = state_variables(model)
    if name == "test_step":  # evaluation has no optimizer state
        del parts[2]
    state = values(parts)
    run = (lambda state, data: step(state, data)) if again else step
    make = jax.make_jaxpr(run, return_shape=True)
    program, (logs, new_state) = make(state, data)
    return Traced(sum(parts, []), state, program, logs, new_state)


def state_variables(model) -> list[list]:
    """Returns the four lists of variables that make the state of `train_step()`."""
    return [
        list(model.trainable_variables),
        list(model.non_trainable_variables),
        list(model.optimizer.variables),
        list(model.metrics_variables),
    ]


def values(parts) -> tuple:
    """Returns the state that `fit()` makes from variables."""
    return tuple([v.value for v in part] for part in parts)


def state_problems(traced: Traced) -> list[str]:
    """Lists how the returned state's structure differs from the input's."""
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
    """Lists the logs that are not scalars."""
    if not isinstance(traced.logs, dict):
        return ["the logs are not a dict"]
    found = {name: getattr(log, "shape", None) for name, log in traced.logs.items()}
    return [
        f"the log {name} " + (f"has the shape {shape}" if shape else "is not an array")
        for name, shape in found.items()
        if shape != ()
    ]


def leaked_tracers(model) -> list[str]:
    """Lists what holds traced values: attributes of a model or layer, and variables."""
    attributes = [
        f"{type(owner).__name__}.{name}"
        for owner in (model, *model.layers)
        for name, value in _public(owner)
        if any(isinstance(v, jax.core.Tracer) for v in keras.tree.flatten(value))
    ]
    variables = sum(state_variables(model), [])
    return attributes + [
        f"the variable {variable.path}"
        for variable in variables
        if isinstance(variable.value, jax.core.Tracer)
    ]


@cache
def _keras_names() -> frozenset[str]:
    """Returns the names of the attributes that Keras itself sets on a model.

    Keras's `test_step()` updates the loss tracker of `compile()` even if the class has
    its own tracker, and drops the result.
    """
    model = keras.Model()
    model.compile("sgd", loss="mse", metrics=["mae"])
    return frozenset(vars(model))


def _public(owner) -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(owner).items() if name[0] != "_"]


def captured_variables(traced: Traced, model) -> list[str]:
    """Lists the variables whose current values are constants of the jaxpr."""
    owners = (keras.optimizers.Optimizer, keras.metrics.Metric, keras.layers.Layer)
    own = [value for name, value in vars(model).items() if name not in _keras_names()]
    objects = keras.tree.flatten(own)
    held = [value for value in objects if isinstance(value, owners)]
    known = [*model.variables, *traced.variables]
    known += [variable for owner in held for variable in owner.variables]
    paths = {id(v.value): v.path for v in known}
    return [paths[id(c)] for c in traced.program.consts if id(c) in paths]


def unchanged(traced: Traced) -> set[int]:
    """Returns the ids of the variables that the step returns unchanged."""
    origins = origins_of(traced.program.jaxpr)[-len(traced.variables) :]
    pairs = enumerate(zip(traced.variables, origins, strict=True))
    return {id(variable) for number, (variable, origin) in pairs if origin == number}


def origins_of(jaxpr) -> list[int | None]:
    """Returns which input each output of a jaxpr is, or `None` if it is new."""
    origins = {variable: number for number, variable in enumerate(jaxpr.invars)}
    for eqn in jaxpr.eqns:
        for inner in _called(eqn):
            for output, origin in zip(eqn.outvars, origins_of(inner), strict=True):
                given = None if origin is None else eqn.invars[origin]
                if not hasattr(given, "val"):
                    origins[output] = origins.get(given)
    return [None if hasattr(v, "val") else origins.get(v) for v in jaxpr.outvars]


def inputs_read(jaxpr) -> set[int]:
    """Returns which inputs of a jaxpr its operations use."""
    numbers = {variable: number for number, variable in enumerate(jaxpr.invars)}
    read = set()
    for eqn in jaxpr.eqns:
        called = _called(eqn)
        used = set().union(*map(inputs_read, called)) if called else None
        read |= {
            numbers.get(atom)
            for number, atom in enumerate(eqn.invars)
            if not hasattr(atom, "val") and (used is None or number in used)
        }
    return read - {None}


def _called(eqn) -> list:
    """Returns the jaxpr that an operation such as `jit` runs once on its inputs."""
    if eqn.primitive.name not in ("jit", "pjit", "closed_call", "core_call"):
        return []
    return [inner for inner in _inner(eqn) if len(inner.invars) == len(eqn.invars)]


#: The operations that draw. Making a key from a constant draws nothing.
_RANDOM = ("random_bits", "threefry2x32", "rng_bit_generator")


def constant_draws(traced: Traced) -> set[str]:
    """Returns the random primitives whose keys do not depend on the state."""
    program, count = traced.program.jaxpr, len(traced.variables)
    known = [number < count for number in range(len(program.invars))]
    fixed = set()
    _follow(program, known, fixed)
    return fixed


def _follow(jaxpr, known, fixed) -> list[bool]:
    """Finds out which values depend on the state, and which random numbers do not.

    Args:
        jaxpr: A jaxpr.
        known: Which of its inputs depend on the state.
        fixed: Collects the random primitives whose inputs do not.

    Returns:
        Which of its outputs depend on the state.
    """
    depends = dict(zip(jaxpr.invars, known, strict=True))

    def depends_on_state(atom):
        return not hasattr(atom, "val") and depends.get(atom, False)

    for eqn in jaxpr.eqns:
        inputs = [depends_on_state(atom) for atom in eqn.invars]
        outputs = [any(inputs)] * len(eqn.outvars)
        if eqn.primitive.name in _RANDOM and not any(inputs):
            fixed.add(eqn.primitive.name)
        for inner in _inner(eqn):
            if len(inner.invars) == len(inputs):
                found = _follow(inner, inputs, fixed)
                if len(found) == len(outputs):
                    outputs = found
        depends |= dict(zip(eqn.outvars, outputs, strict=True))
    return [depends_on_state(atom) for atom in jaxpr.outvars]


def _inner(eqn):
    """Yields the jaxprs inside an operation such as `jit` or `scan`."""
    for value in eqn.params.values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield inner
