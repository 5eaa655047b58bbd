"""Runs a case with `keras.Model` and with a class under test, and compares."""

import types
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import keras
import numpy as np

from ..objective import Objective
from ..spec import Spec
from .case import BATCH, ROWS, Case, predicting, regression
from .causes import diagnose, explain
from .models import residual, stateful
from .subject import Subject

#: Equal within this: the relative and the absolute error of every number.
RTOL, ATOL = 1e-5, 1e-6


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        name: The case.
        group: The part of Keras that it belongs to.
        outcome: `exact`, `close` (equal within the tolerance), `holds` (for a check
            without a reference), `differs`, `raises` or `not applicable`.
        detail: What differs, by how much and where first; or the error; or why not.
        cause: What usually causes it.
        fix: What to do about it.
        builds_on: Simpler cases: if one of them fails, it says more.
    """

    name: str
    group: str
    outcome: str
    detail: str = ""
    cause: str = ""
    fix: str = ""
    builds_on: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the class is at fault."""
        return self.outcome in ("differs", "raises")


class Difference(NamedTuple):
    """One thing that is not the same for Keras and the class under test.

    `key` is its path, `weights/0`; `text` says how it differs; `close` whether only by
    rounding; `below` whether the class under test has the smaller number.
    """

    key: str
    text: str
    close: bool = False
    below: bool = False

    def __str__(self):
        """Returns the path and the difference."""
        return f"{self.key}: {self.text}"


def check(case: Case, subject: Subject) -> Verdict:
    """Compares the class with Keras's own trainer, and says what usually is wrong."""
    reason = not_applicable(case, subject)
    if reason:
        return Verdict(case.name, case.group, "not applicable", reason)
    try:
        found = differences(case, subject)
    except Exception as error:
        return raised(case, error)
    if not found:
        return Verdict(case.name, case.group, "exact")
    apart = [d for d in found if not d.close]
    detail = _summary(apart or found)
    if not apart:
        return Verdict(case.name, case.group, "close", detail)
    texts = diagnose(case, apart)
    return Verdict(case.name, case.group, "differs", detail, *texts, builds_on(case))


def raised(case, error: Exception) -> Verdict:
    """Returns the verdict on a case that ended with an error."""
    detail = f"{type(error).__name__}: {_first_line(error)}"
    return Verdict(case.name, case.group, "raises", detail, *explain(case, detail))


def builds_on(case: Case) -> tuple[str, ...]:
    """Names the simpler cases whose features a case has as well."""
    names = ("sample_weight",) if case.weighted else ()
    if stateful in (case.layers, case.graph) or case.graph is residual:
        names += ("weight regularizers", "activity regularizer", "batch normalization")
        names += ("dropout",)
    return tuple(name for name in names if name != case.name)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else ""


def _summary(found: list[Difference]) -> str:
    """Names what differs: the first step, the first of each kind, how many more."""
    steps = [d for d in found if d.key.startswith("steps/")]
    others = [d for d in found if not d.key.startswith("steps/")]
    first = {}
    for difference in others:
        first.setdefault(difference.key.split("/")[0], difference)
    parts = [str(d) for d in list(first.values())[:4]]
    if steps:
        number = min(int(d.key.split("/")[1]) for d in steps)
        parts.insert(0, f"first at step {number + 1}")
    more = len(others) - min(len(first), 4)
    return "; ".join(parts) + (f"; {more} more" if more > 0 else "")


def not_applicable(case: Case, subject: Subject) -> str:
    """Says why a case has no meaning for a class, or returns an empty string."""
    owner = subject.owns_loss or subject.owns_metrics
    if subject.unknown:
        return subject.unknown
    if case.weighted and not subject.weighted:
        return "it refuses weights: generate it with --sample-weight"
    if subject.style == "sequential" and (case.graph or case.mixin):
        return "the case's model is not a sequence of layers"
    if owner and not case.owned:
        return "it has a loss or metrics of its own, and the case has others"
    if case.draws and subject.owns_loss and subject.owns_metrics:
        return "to build compile()'s loss or metrics, Keras draws a batch more"
    if owner and case.needs not in ("", subject.objective.targets):
        return "it has a loss or metrics of its own, and they need other targets"
    return ""


def objective_of(case: Case, subject: Subject) -> Objective:
    """Returns the objective of a case: the subject's, where their targets agree."""
    needs = "real" if case.losses else case.needs
    if needs in ("", subject.objective.targets):
        return subject.objective
    return Spec(task="multiclass" if needs == "sparse" else "regression").objective


def build(case: Case, style: str, base: type):
    """Builds the case's model on a class of Keras's or a class under test.

    Args:
        case: The case.
        style: The style of the class under test; the reference is built likewise.
        base: The class to build on.

    Returns:
        A model, not compiled.
    """
    if style == "sequential":
        inputs = keras.Input(case.input_shape, dtype=case.input_dtype)
        return base([inputs, *case.layers()])
    inputs, outputs = graph(case)
    if style == "functional" and case.mixin is None:
        return base(inputs, outputs)
    methods = (case.mixin,) if case.mixin else (Forward,)
    return type("Model", (*methods, Net, base), {})(keras.Model(inputs, outputs))


def graph(case: Case):
    """Returns the inputs and outputs of the case's layers."""
    if case.graph:
        return case.graph()
    inputs = outputs = keras.Input(case.input_shape, dtype=case.input_dtype)
    for layer in case.layers():
        outputs = layer(outputs)
    return inputs, outputs


class Net:
    """A model around a network, for classes that are subclassed."""

    def __init__(self, net):
        """Holds the network."""
        super().__init__()
        self.net = net

    def get_config(self):
        """Saves the network."""
        return {"net": keras.saving.serialize_keras_object(self.net)}

    @classmethod
    def from_config(cls, config):
        """Loads the network."""
        return cls(keras.saving.deserialize_keras_object(config["net"]))


class Forward:
    """The plain forward pass of `Net`."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)


def small_model(subject: Subject, case: Case | None = None):
    """Builds a model with the class under test, not compiled, and data for it.

    Returns:
        The model, `x` and `y`.
    """
    with predicting(subject.objective):
        case = case or Case("small", "")
        data = regression()
        return build(case, subject.style, subject.load()), data.x, data.y


def run(case: Case, style: str, base: type, arguments: dict) -> dict:
    """Trains, evaluates and predicts; returns everything that can be observed.

    Args:
        case: The case.
        style: How the model is built.
        base: The class to build on.
        arguments: The loss and metrics for `compile()`.

    Returns:
        A dict of names and NumPy arrays.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(11)
    keras.config.set_dtype_policy(case.policy)
    if case.distribution:
        keras.distribution.set_distribution(case.distribution())
    try:
        model = build(case, style, base)
        start = [np.array(w) for w in model.get_weights()]
        model.compile(**{"optimizer": "adam", **case.compile(), **arguments})
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
        seen["history"] = model.fit(**arguments).history
        seen["steps"] = steps.logs
    case.after(model)
    seen["weights"] = {v.path + f"#{i}": v for i, v in enumerate(model.variables)}
    seen["optimizer"] = {
        v.name + f"#{i}": v for i, v in enumerate(model.optimizer.variables)
    }
    seen = _arrays(seen)
    seen["moved"] = any(
        not np.array_equal(a, b)
        for a, b in zip(start, model.get_weights(), strict=True)
    )
    try:
        seen |= evaluation(case, model, data)
    except Exception as error:
        raise EvaluationError(seen, error) from error
    return _arrays(seen)


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
    return {
        "evaluate": model.evaluate(data.x, data.y, return_dict=True, **arguments),
        "evaluate_list": model.evaluate(data.x, data.y, **arguments),
        "predict": model.predict(data.x, batch_size=ROWS, verbose=0),
        "weights_after": model.get_weights(),
    }


def compile_arguments(
    case: Case, subject: Subject, owns_loss: bool, owns_metrics: bool
) -> dict:
    """Returns what `compile()` gets of loss and metrics.

    Args:
        case: The case.
        subject: The class under test.
        owns_loss: Whether the model has its own loss.
        owns_metrics: Whether it has its own metrics.
    """
    if case.losses:
        return case.losses()
    objective = objective_of(case, subject)
    which = "weighted_metrics" if subject.weighted else "metrics"
    names = {"keras": keras}
    arguments = {}
    if not owns_loss:
        arguments["loss"] = eval(objective.loss.argument, names)
    if not owns_metrics:
        arguments[which] = [eval(m.argument, names) for m in objective.metrics]
    return arguments


def reference(case: Case, subject: Subject) -> dict:
    """Runs the case with Keras's own trainer, once for all classes that agree."""
    return _reference(
        case, subject.style, objective_of(case, subject), subject.weighted
    )


@cache
def _reference(case: Case, style: str, objective: Objective, weighted: bool) -> dict:
    base = keras.Sequential
    if style != "sequential":
        base = types.new_class("Base", (keras.Model,))
    subject = Subject(lambda: base, style, objective, weighted=weighted)
    return _run(case, subject)


def _run(case: Case, subject: Subject) -> dict:
    arguments = compile_arguments(
        case, subject, subject.owns_loss, subject.owns_metrics
    )
    with predicting(objective_of(case, subject)):
        return run(case, subject.style, subject.load(), arguments)


def differences(case: Case, subject: Subject) -> list[Difference]:
    """Compares a class with Keras's own trainer, to the last bit."""
    expected = reference(case, subject)
    try:
        return compare(expected, _run(case, subject))
    except EvaluationError as stopped:
        trained = {key: expected[key] for key in expected if key in stopped.seen}
        found = [d for d in compare(trained, stopped.seen) if not d.close]
        if not found:
            raise stopped.error from None
        text = f"raises {type(stopped.error).__name__}: {_first_line(stopped.error)}"
        return [*found, Difference("evaluate", text)]


def compare(expected: dict, actual: dict) -> list[Difference]:
    """Lists the leaves that are not the same, and keys that only one side has."""
    left = _leaves(expected)
    right = _leaves(actual)
    found = [
        Difference(
            key, f"only {'Keras has it' if key in left else 'your class has it'}"
        )
        for key in [*left, *right]
        if (key in left) != (key in right)
    ]
    for key in left.keys() & right.keys():
        a, b = left[key], right[key]
        if a.shape != b.shape or a.dtype != b.dtype:
            text = f"{a.dtype}{a.shape} for Keras, {b.dtype}{b.shape} here"
            found.append(Difference(key, text))
        elif a.tobytes() != b.tobytes() and not np.array_equal(
            a, b, equal_nan=a.dtype.kind == "f"
        ):
            a, b = a.astype("float64"), b.astype("float64")
            text = f"differs by up to {np.max(np.abs(a - b)):.3g}"
            if a.ndim == 0:
                text = f"{a:.6g} for Keras, {b:.6g} here"
            close = np.allclose(b, a, RTOL, ATOL, equal_nan=True)
            found.append(Difference(key, text, bool(close), bool((b < a).all())))
    if [*left] != [*right] and not found:
        text = f"{[*left]} for Keras, {[*right]} here"
        found.append(Difference("order", text))
    order = {key: number for number, key in enumerate([*left, *right])}
    return sorted(found, key=lambda d: order.get(d.key, -1))


def _arrays(tree):
    """Copies the leaves to NumPy; unlike `jax.tree.map()`, keeps the order of dicts."""
    if isinstance(tree, dict):
        return {key: _arrays(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_arrays(value) for value in tree]
    return np.array(tree)


def _leaves(tree) -> dict:
    """Flattens nested dicts and lists in their own order: the order of logs counts."""
    found = {}

    def visit(path, node):
        if isinstance(node, dict):
            for key, value in node.items():
                # Paths of variables carry the class's name, which differs.
                visit(
                    f"{path}/{key.rsplit('#')[-1] if '#' in str(key) else key}", value
                )
        elif isinstance(node, list | tuple):
            for index, value in enumerate(node):
                visit(f"{path}/{index}", value)
        else:
            found[path.lstrip("/")] = np.asarray(node)

    visit("", tree)
    return found
