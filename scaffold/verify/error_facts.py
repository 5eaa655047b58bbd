"""Finds out what an error does not say, from the functions that were running.

A fact is a short text. `causes.toml` matches it like the error, by `fact: ...`.
"""

import ast
from types import FrameType

from .user_lines import Line, frames_below, function_of, statement_node

#: Functions of Keras in which a variable may be read, and what they are called here.
CALLS = (
    "compute_loss_and_updates",
    "scale_loss",
    "compute_loss",
    "stateless_apply",
    "apply",
    "update_state",
    "result",
    "__call__",
)

#: Methods of Keras that return a tuple.
TUPLES = (
    "stateless_call",
    "stateless_apply",
    "stateless_compute_loss",
    "train_step",
    "test_step",
)


def facts(error: BaseException, line: Line | None) -> list[str]:
    """Lists facts about an error.

    Args:
        error: The error.
        line: The user's line that raised it, or `None` if Keras did.
    """
    below = frames_below(error, line)
    model = _model(error)
    names = [frame.f_code.co_name for frame in below]
    found = [f"in {call}()" for call in CALLS if call in names][:1]
    found += _variable(below, model) + _stacked(model)
    if "stateless_apply" in names:
        found += _arguments(below[names.index("stateless_apply")], model)
    if line and (node := statement_node(line)):
        node = _header(node)
        found += _unpacked(node, line) + _odd_values(node, line) + _pairs(node, line)
    return [f"fact: {fact}" for fact in found]


def _header(node: ast.stmt) -> ast.AST:
    """Returns what a compound statement runs before its body, or a simple statement."""
    match node:
        case ast.With():
            return ast.Tuple([item.context_expr for item in node.items])
        case ast.If() | ast.While():
            return node.test
        case ast.For():
            return node.iter
    return node


def _model(error: BaseException):
    """Returns the model that was trained or evaluated, or `None`."""
    for frame in frames_below(error, None):
        for name in ("model", "self"):
            value = frame.f_locals.get(name)
            if hasattr(type(value), "stateless_call") and hasattr(value, "optimizer"):
                return value
    return None


def _variable(frames: list[FrameType], model) -> list[str]:
    """Names the variable that had no value, because it was read outside a scope."""
    frame = frames[-1] if frames else None
    variable = frame and frame.f_locals.get("self")
    if frame is None or frame.f_code.co_name != "value":
        return []
    optimizer = getattr(model, "optimizer", None)
    kinds = {
        "a metric variable": getattr(model, "metrics_variables", ()),
        "an optimizer variable": getattr(optimizer, "variables", ()),
    }
    path = getattr(variable, "path", "")
    if path.endswith("seed_generator_state"):
        return [f"reads a seed {path}"]
    for kind, variables in kinds.items():
        if any(variable is one for one in variables):
            return [f"reads {kind} {path}"]
    return [f"reads a variable {path}"]


def _stacked(model) -> list[str]:
    """Says whether the batches of an execution reach a function of the user's stacked.

    Keras does that from 3.16. Before, it gave the function an iterator of batches.
    """
    import keras

    stacks = [int(n) for n in keras.version().split(".")[:2]] > [3, 15]
    make = getattr(type(model), "make_train_function", None)
    own = not getattr(make, "__module__", "keras.").startswith("keras.")
    several = getattr(model, "steps_per_execution", 1) > 1
    return ["gets stacked batches"] * (stacks and own and several)


def _arguments(frame: FrameType, model) -> list[str]:
    """Compares the arguments of `stateless_apply()` with what the optimizer needs."""
    optimizer, given = frame.f_locals["self"], frame.f_locals
    names = ("optimizer_variables", "grads", "trainable_variables")
    try:
        sizes = [len(given[name]) for name in names]
    except TypeError:
        return ["swaps arguments"]
    own, trainable = len(optimizer.variables), len(model.trainable_variables)
    if sizes == [own, trainable, trainable]:
        return ["passes all variables"]
    if sorted(sizes) == sorted([own, trainable, trainable]):
        return ["swaps arguments"]
    if sizes[0] == own and min(sizes[1:]) < trainable:
        return ["passes a part of the variables"]
    return []


def _unpacked(node: ast.stmt, line: Line) -> list[str]:
    """Says whether a statement unpacks the state or the batch of a step."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Name):
        return []
    if not isinstance(node.targets[0], ast.Tuple | ast.List):
        return []
    roles = {"state": "state", "data": "batch", "batch": "batch"}
    function = function_of(line)
    if getattr(function, "name", "").endswith("_step"):
        parameters = [parameter.arg for parameter in function.args.args[1:]]
        roles |= dict(zip(parameters, ("state", "batch"), strict=False))
    return [f"unpacks the {roles[node.value.id]}"] * (node.value.id in roles)


def _odd_values(node: ast.stmt, line: Line) -> list[str]:
    """Names the variable of a statement that is `None`. Says if `self` is traced."""
    values = line.frame.f_locals if line.frame else {}
    names = [name for name in _names(node) if values.get(name, 0) is None]
    found = [f"{names[0]} is None"] if names else []
    return found + ["self is traced"] * ("Tracer" in type(values.get("self")).__name__)


def _pairs(node: ast.stmt, line: Line) -> list[str]:
    """Names the variable of a statement that holds a tuple which a method returns."""
    function = function_of(line)
    methods = {
        target.id: one.value.func.attr
        for one in (ast.walk(function) if function else ())
        if isinstance(one, ast.Assign) and _returns_tuple(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    return [f"{n} is the result of {methods[n]}()" for n in names if n in methods]


def _names(node: ast.stmt) -> list[str]:
    """Lists the names that a statement reads."""
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Load)]


def _returns_tuple(node: ast.expr) -> bool:
    """Whether an expression is a call of a method that returns a tuple."""
    function = getattr(node, "func", None)
    return isinstance(function, ast.Attribute) and function.attr in TUPLES
