"""Finds out which loss and metrics a class owns."""

from dataclasses import replace

import keras
import numpy as np

from ..keras_losses import LOSSES
from ..keras_names import find
from ..objective import KerasObject, Objective, resolve
from ..spec import Spec
from .class_under_test import ClassUnderTest
from .hooks import without_hooks
from .parity.build_model import small_model


def named_objective(loss: str | None, metrics: tuple[str, ...]) -> Objective:
    """Returns the objective that `--loss` and `--metric` name."""
    task = Spec().task
    if loss:
        fits = find(LOSSES, loss, "loss")[0].fits
        task = task if task in fits else next(iter(fits), task)
    return resolve(task, loss, metrics)


def add_owned_objective(tested: ClassUnderTest, loss: str | None) -> ClassUnderTest:
    """Builds small models of a class, and adds the loss and metrics that it owns.

    Args:
        tested: The class, with the objective that the command line names.
        loss: The name of the loss, if the command line has one.
    """
    with without_hooks(tested.load()):
        return _with_objective(tested, loss)


def _with_objective(tested: ClassUnderTest, loss: str | None) -> ClassUnderTest:
    model, _, _ = small_model(tested)
    known = {entry.name for entry in LOSSES}
    owned = [v for v in vars(model).values() if isinstance(v, keras.losses.Loss)]
    owned = [v for v in owned if type(v).__name__ in known]
    if not loss and len(owned) == 1:
        objective = named_objective(type(owned[0]).__name__, ())
        if owned[0].get_config().get("from_logits") is False:
            objective = replace(objective, outputs="probabilities")
        # Keep the object: the config of some losses, such as Huber, lacks arguments.
        tested = replace(tested, objective=objective, loss=owned[0])
    tested = _with_metrics(tested, model)
    # Some losses have no gradient for a single output: try class labels as well.
    objectives = [tested.objective]
    objectives += [] if loss or tested.loss else [Spec(task="multiclass").objective]
    if not any(_trains_alone(replace(tested, objective=o)) for o in objectives):
        return replace(tested, loss=None)
    tested = replace(tested, owns_loss=True)
    if not loss and not tested.loss:
        reason = "the class owns an unknown loss; name it with --loss NAME"
        tested = replace(tested, unknown=reason)
    return tested


def _trains_alone(tested: ClassUnderTest) -> bool:
    """Whether a class trains when `compile()` gets no loss."""
    model, x, y = small_model(tested)
    model.compile(optimizer="sgd")
    before = model.get_weights()
    try:
        # Without a loss, `keras.Model` on JAX runs but changes no weight.
        model.fit(x, y, epochs=1, verbose=0)
    except Exception:
        return False
    return not all(map(np.array_equal, before, model.get_weights()))


def _with_metrics(tested: ClassUnderTest, model) -> ClassUnderTest:
    """Adds the metrics of a model, except its loss tracker."""
    own = [m for m in model.metrics if m.name != "loss"]
    if not own:
        return tested
    wrapper = keras.metrics.MeanMetricWrapper
    means = (keras.metrics.Mean, keras.metrics.Sum)
    trackers = [
        m.name for m in own if isinstance(m, means) and not isinstance(m, wrapper)
    ]
    if trackers:
        names = ", ".join(trackers)
        reason = f"the class tracks {names} itself, so only the invariants apply"
        return replace(tested, owns_metrics=True, unknown=reason)
    if not _named(tested.objective, own):
        metrics = tuple(_as_source(metric) for metric in own)
        tested = replace(tested, objective=replace(tested.objective, metrics=metrics))
    return replace(tested, owns_metrics=True)


def _named(objective: Objective, metrics) -> bool:
    """Whether an objective has metrics of these names."""
    return [m.alias for m in objective.metrics] == [m.name for m in metrics]


def _as_source(owned: keras.metrics.Metric) -> KerasObject:
    """Returns an expression that makes an equal metric."""
    config = keras.saving.serialize_keras_object(owned)
    call = f"keras.saving.deserialize_keras_object({config!r})"
    return KerasObject(owned.name, call, call)
