"""What can be read off a step's program, without running it: its jaxpr."""

import jax
import keras


def train_state(model):
    """Returns the state as `fit()` makes it."""
    parts = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return tuple([v.value for v in part] for part in parts)


def test_state(model):
    """Returns the state as `evaluate()` makes it."""
    trainable, non_trainable, _, metrics = train_state(model)
    return trainable, non_trainable, metrics


def state_variables(model) -> list:
    """Lists the variables of the state of `train_step()`, in its order."""
    return [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
        *model.metrics_variables,
    ]


def all_variables(model) -> list:
    """Lists all variables of a model, those outside the state of its steps included."""
    owners = (keras.optimizers.Optimizer, keras.metrics.Metric, keras.layers.Layer)
    held = [v for v in keras.tree.flatten(_attributes(model)) if isinstance(v, owners)]
    found = [*model.variables, *state_variables(model)]
    for owner in held:
        found += owner.variables
    return found


def _attributes(model) -> list:
    return [value for name, value in vars(model).items() if not name.startswith("_")]


def form_problems(step, state, data, variables) -> list[str]:
    """Checks, without running it, that a step's state comes out as it went in.

    Args:
        step: `train_step` or `test_step` of a model.
        state: The state.
        data: A batch.
        variables: Variables of the model; none may be baked into the program.
    """
    problems = []
    jaxpr, (logs, new_state) = jax.make_jaxpr(step, return_shape=True)(state, data)
    if jax.tree.structure(state) != jax.tree.structure(new_state):
        problems.append("the structure of the state changes")
    count = len(jax.tree.leaves(new_state))
    outputs = jaxpr.out_avals[-count:] if count else []
    for old, new in zip(jax.tree.leaves(state), outputs, strict=False):
        if jax.typeof(old) != new:
            problems.append(f"{jax.typeof(old)} becomes {new}")
    baked = {id(v.value): v.path for v in variables}
    problems += [f"constant: {baked[id(c)]}" for c in jaxpr.consts if id(c) in baked]
    for name, value in logs.items():
        if not hasattr(value, "shape"):
            problems.append(f"the log {name} is not one number")
        elif value.shape:
            problems.append(f"the log {name} is not a scalar")
    return problems


def unchanged(step, model, state, data) -> set[str]:
    """Names the variables of the state whose input goes straight to the output."""
    jaxpr = jax.make_jaxpr(step)(state, data)
    leaves = jax.tree.leaves(state)
    outputs = jaxpr.jaxpr.outvars[-len(leaves) :]
    variables = state_variables(model)
    if len(state) == 3:  # an evaluation has no optimizer
        optimizer = {id(v) for v in model.optimizer.variables}
        variables = [v for v in variables if id(v) not in optimizer]
    pairs = zip(variables, jaxpr.jaxpr.invars, outputs, strict=False)
    return {variable.path for variable, old, new in pairs if old is new}


_RANDOM = ("random_bits", "threefry2x32", "rng_bit_generator", "random_seed")


def constant_draws(step, state, data) -> set[str]:
    """Names the random primitives of a step whose keys do not depend on the state."""
    jaxpr = jax.make_jaxpr(step)(state, data)
    count = len(jax.tree.leaves(state))
    known = [number < count for number in range(len(jaxpr.jaxpr.invars))]
    fixed = set()
    _follow(jaxpr.jaxpr, known, fixed)
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
