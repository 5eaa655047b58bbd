"""Checks of the traced step. Each takes a `ModelFactory` and returns the problems."""

import inspect
from collections.abc import Callable

import jax
import keras
import numpy as np

from ..parity.differences import ATOL, RTOL
from . import step_trace
from .control import Compared, beyond_rounding, keys_of
from .step_trace import state_variables, trace, unchanged, values


def _of_both_steps(find_problems: Callable) -> Callable:
    """Makes a check of the traces of `train_step()` and `test_step()`."""

    def check(factory) -> list[str]:
        model = factory.trained_model()
        return [
            f"{name}(): {problem}"
            for name in ("train_step", "test_step")
            for problem in find_problems(trace(model, name, factory.batch()), model)
        ]

    return check


state_structure = _of_both_steps(lambda traced, _: step_trace.state_problems(traced))
scalar_logs = _of_both_steps(lambda traced, _: step_trace.log_problems(traced))
captured_variables = _of_both_steps(step_trace.captured_variables)


def leaked_tracers(factory) -> list[str]:
    """Finds attributes and variables that hold a traced value after a trace."""
    model = factory.trained_model()
    batch = factory.batch()
    for name in ("train_step", "test_step"):
        trace(model, name, batch, again=True)
    found = step_trace.leaked_tracers(model)
    return [f"{name} holds a traced value" for name in found]


def scan_carry(factory) -> list[str]:
    """Compares two steps in a `jax.lax.scan()` with two single steps."""
    model = factory.trained_model()
    variables = state_variables(model)
    state, batches = values(variables), [factory.batch(0), factory.batch(1)]
    stacked = jax.tree.map(lambda *a: np.stack(a), *batches)
    scanned, _ = jax.lax.scan(lambda s, d: model.train_step(s, d)[::-1], state, stacked)
    step = jax.jit(model.train_step)
    for data in batches:
        _, state = step(state, data)
    leaves, keys = (jax.tree.leaves(state), jax.tree.leaves(scanned)), keys_of(model)
    pairs = [
        Compared(
            variable.path, keys[id(variable)], np.array(a), np.array(b), RTOL, ATOL
        )
        for variable, a, b in zip(sum(variables, []), *leaves, strict=True)
    ]
    return beyond_rounding(factory, pairs, "between single steps and a scan")


def random_keys(factory) -> list[str]:
    """Finds random numbers that are drawn from a constant key."""
    model = factory.trained_model()
    draws = step_trace.constant_draws(trace(model, "train_step", factory.batch()))
    return [f"{name} draws from a constant key" for name in sorted(draws)]


def state_updates(factory) -> list[str]:
    """Finds state that should change in a step but does not, or the reverse."""
    model = factory.trained_model()
    step = trace(model, "train_step", factory.batch())
    still = unchanged(step)
    still_in_test = unchanged(trace(model, "test_step", factory.batch()))
    problems = [
        f"{v.path} is never updated"
        for v in model.trainable_variables
        if id(v) in still
    ]
    problems += _lost_updates(model, step)
    metrics = {id(v) for v in model.metrics_variables}
    problems += [
        f"the metric variable {v.path} is never updated"
        for v in model.metrics_variables
        if id(v) in still & still_in_test
    ]
    if metrics and metrics <= still_in_test:
        problems.append("no metric is updated in evaluation")
    frozen = _frozen_variables(model) | _unchanged_by_call(model, factory.rows()[0])
    problems += [
        f"{v.path} does not change in training"
        for v in model.non_trainable_variables
        if id(v) in still - frozen and _changes_in_training(v.path)
    ]
    # Our own small models draw no random numbers in evaluation. Other models may.
    constant = ("moving_",) + (() if factory.tested.build else (SEED,))
    return problems + [
        f"{v.path} changes in evaluation"
        for v in model.non_trainable_variables
        if id(v) not in still_in_test and v.path.split("/")[-1].startswith(constant)
    ]


def _lost_updates(model, step: step_trace.Traced) -> list[str]:
    """Finds variables of optimizers that the step uses, but returns unchanged.

    An optimizer that the step does not use is no mistake.
    """
    still, changing = unchanged(step), set()
    read = step_trace.inputs_read(step.program.jaxpr)
    held = keras.tree.flatten([model.optimizer, list(vars(model).values())])
    for optimizer in {id(one): one for one in held}.values():
        if isinstance(optimizer, keras.optimizers.Optimizer):
            changing |= _changed_by_update(optimizer)
    return [
        f"{variable.path} is never updated"
        for number, variable in enumerate(step.variables)
        if number in read and id(variable) in still & changing
    ]


def _changed_by_update(optimizer) -> set[int]:
    """Returns the ids of the variables that an optimizer changes in an update."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    old = [variable.value for variable in optimizer.variables]

    def update(old):
        # The values serve as gradients: what changes does not depend on them.
        trained = [variable.value for variable in inner._trainable_variables]
        return optimizer.stateless_apply(old, trained, trained)[1]

    try:
        program = jax.make_jaxpr(update)(old)
    except Exception:
        return set()  # such as a group, whose members are found one by one
    origins = step_trace.origins_of(program.jaxpr)
    if len(origins) != len(old):
        return set()  # an optimizer of a kind of its own
    pairs = enumerate(zip(optimizer.variables, origins, strict=True))
    return {id(variable) for number, (variable, origin) in pairs if origin != number}


SEED = "seed_generator_state"


def _changes_in_training(path: str) -> bool:
    """Whether Keras changes a variable of this name in training."""
    return path.split("/")[-1] in (SEED, "moving_mean", "moving_variance")


def _unchanged_by_call(model, x) -> set[int]:
    """Returns the ids of the variables that `call()` does not change in training.

    Layers such as LSTM have a seed generator even if they drop nothing out, and
    `call()` may run some layers as in inference, such as a pretrained backbone.
    """
    takes = "training" in inspect.signature(model.call).parameters
    mode = {"training": True} if takes else {}
    variables = model.non_trainable_variables

    def call(trainable, others):
        return model.stateless_call(trainable, others, x, **mode)[1]

    try:
        program = jax.make_jaxpr(call)(*values(state_variables(model))[:2])
    except Exception:
        return set()  # call() does not take the data, as in a GAN
    count = len(model.trainable_variables)
    origins = step_trace.origins_of(program.jaxpr)
    pairs = enumerate(zip(variables, origins, strict=True), start=count)
    return {id(variable) for number, (variable, origin) in pairs if origin == number}


def _frozen_variables(model) -> set[int]:
    """Returns the ids of the variables of frozen layers, such as a teacher."""
    if not model.trainable:
        return {id(v) for v in model.variables}
    return set().union(*map(_frozen_variables, getattr(model, "layers", ())))
