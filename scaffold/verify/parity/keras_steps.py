"""Gives a model Keras's own steps in place of its own, also with a mistake in them."""

import inspect
from functools import partial

import jax
import keras

#: The methods that make a training step, an evaluation step and their functions.
STEPS = (
    "compute_loss_and_updates",
    "train_step",
    "test_step",
    "predict_step",
    "make_train_function",
    "make_test_function",
    "make_predict_function",
)


def use_keras_steps(model) -> None:
    """Replaces the steps of a model by Keras's own.

    Its `call()`, `compute_loss()`, `compute_metrics()`, metrics and layers stay.
    """
    _replace(model, {name: getattr(keras.Model, name) for name in STEPS})


def use_mistaken_steps(
    model, training=frozenset(), evaluation=frozenset(), met: set | None = None
) -> None:
    """Replaces the steps of a model by Keras's own, with mistakes in them.

    Args:
        model: The model.
        training: The mistakes in `train_step()`, as names in `mistakes.py`.
        evaluation: The mistakes in `test_step()`.
        met: Collects the mistakes that left something out.
    """
    use_keras_steps(model)
    cls = type(model)
    mistaken = type(cls.__name__, (MistakenSteps, cls), {"__module__": cls.__module__})
    model.__class__ = mistaken
    mistaken.in_training, mistaken.in_evaluation = training, evaluation
    mistaken.met = set() if met is None else met


def _replace(model, methods: dict) -> None:
    cls = type(model)
    for name in methods:
        vars(model).pop(name, None)  # `watched_steps.py` sets them
    methods = {"__module__": cls.__module__, **methods}
    model.__class__ = type(cls.__name__, (cls,), methods)


class MistakenSteps:
    """Keras's own steps (`keras/src/backend/jax/trainer.py`), with mistakes.

    Each name in `in_training` or `in_evaluation` is one mistake. Without any, the steps
    compute what Keras's do.
    """

    in_training: frozenset[str] = frozenset()
    in_evaluation: frozenset[str] = frozenset()
    met: set[str] = set()
    _counted_losses = None

    @property
    def losses(self) -> list:
        """The losses of the layers. In the loss, only those that are counted."""
        counted = self._counted_losses
        return super().losses if counted is None else counted

    def train_step(self, state, data):
        """Trains on one batch."""
        made = self.in_training
        trainable, others, optimizer, metrics = state
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        grad = jax.value_and_grad(self._scaled_loss, has_aux=True)
        batch = x, y, weight
        (_, aux), grads = grad(trainable, others, metrics, optimizer, batch, made)
        loss, y_pred, others, new_metrics = aux
        if "gradient negated" in made:
            grads = [-g for g in grads]
        if "gradients clipped before unscaling" in made:
            grads = [g.clip(-1, 1) for g in grads]
        trainable, new_optimizer = self.optimizer.stateless_apply(
            optimizer, grads, trainable
        )
        if "optimizer state dropped" not in made:
            optimizer = new_optimizer
        logs, metrics = self._report(metrics, new_metrics, loss, y_pred, batch, made)
        return logs, (trainable, others, optimizer, metrics)

    def test_step(self, state, data):
        """Evaluates one batch."""
        made = self.in_evaluation
        trainable, others, metrics = state
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        loss, y_pred, others, new_metrics = self._loss_and_updates(
            trainable, others, metrics, (x, y, weight), "training mode" in made, made
        )
        batch = x, y, weight
        logs, metrics = self._report(metrics, new_metrics, loss, y_pred, batch, made)
        return logs, (trainable, others, metrics)

    def _scaled_loss(self, trainable, others, metrics, optimizer, batch, made):
        """Returns the loss to differentiate, and what else the step needs."""
        mode = "inference mode" not in made
        aux = self._loss_and_updates(trainable, others, metrics, batch, mode, made)
        loss, *updates = aux
        if "loss not scaled" not in made:
            with keras.StatelessScope(_pairs(self.optimizer.variables, optimizer)):
                loss = self.optimizer.scale_loss(loss)
        if "scaled loss reported" in made:
            aux = (loss, *updates)
        return loss, aux

    def _loss_and_updates(self, trainable, others, metrics, batch, training, made):
        """Returns the loss, the outputs, and the state that both have updated."""
        x, y, weight = batch
        mode = _training_argument(self.call, training)
        y_pred, new_others, losses = self.stateless_call(
            trainable, others, x, return_losses=True, **mode
        )
        if "forward state dropped" in made:
            new_others = others
        state = [
            *_pairs(self.trainable_variables, trainable),
            *_pairs(self.non_trainable_variables, new_others),
            *_pairs(self.metrics_variables, metrics),
        ]
        with keras.StatelessScope(state) as scope:
            if "self called" in made:
                y_pred = self(x, **mode)
            regularizers = [] if "self called" in made else super().losses
            added = losses[: len(losses) - len(regularizers)]
            if "self called" in made:
                added, regularizers = [], super().losses
            self._count(added, regularizers, made)
            try:
                loss = self._own_loss(x, y, y_pred, weight, training, made)
            finally:
                self._count_all()
            if "metrics in the loss" in made:
                self.compute_metrics(x, y, y_pred, weight)
        value = scope.get_current_value
        new_others = [value(v) for v in self.non_trainable_variables]
        new_metrics = [value(v) for v in self.metrics_variables]
        if "metrics of the loss dropped" in made:
            new_metrics = metrics
        return loss, y_pred, new_others, new_metrics

    def _count(self, added: list, regularizers: list, made) -> None:
        """Chooses the losses that `compute_loss()` finds in `self.losses`."""
        counted = []
        for name, losses in (("added losses", added), ("regularizers", regularizers)):
            if losses:
                self.met.add(f"{name} left out")
            if f"{name} left out" not in made:
                counted += losses * (2 if f"{name} twice" in made else 1)
        object.__setattr__(self, "_counted_losses", counted)

    def _count_all(self) -> None:
        object.__setattr__(self, "_counted_losses", None)

    def _own_loss(self, x, y, y_pred, weight, training, made):
        """Calls `compute_loss()`, which may lack `training`, as Keras does."""
        if "no weights in the loss" in made and weight is not None:
            self.met.add("no weights in the loss")
            weight = None
        mode = _training_argument(self.compute_loss, training)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **mode)
        return loss * _rows(x) if "sum over the batch" in made else loss

    def _report(self, old_metrics, metrics, loss, y_pred, batch, made) -> tuple:
        """Updates the metrics, and returns the logs and the metrics' new state."""
        x, y, weight = batch
        if "no weights in the metrics" in made:
            weight = None
        with keras.StatelessScope(_pairs(self.metrics_variables, metrics)) as scope:
            self._track(loss, batch, made)
            if "metrics in the loss" in made:
                logs = self.get_metrics_result()
            elif "metrics by hand" in made:
                for metric in self.metrics:
                    if metric.name != "loss":
                        metric.update_state(y, y_pred)
                logs = self.get_metrics_result()
            else:
                logs = self.compute_metrics(x, y, y_pred, weight)
        new = [scope.get_current_value(v) for v in self.metrics_variables]
        if "metrics reversed" in made:
            new = new[::-1]
        return logs, old_metrics if "metrics dropped" in made else new

    def _track(self, loss, batch, made) -> None:
        """Updates the loss tracker."""
        x, _, weight = batch
        rows = _rows(x)
        if "tracker without rows" in made:
            rows = None
        if "tracker with weights" in made and weight is not None:
            rows = keras.ops.sum(weight)
        trackers = [keras.Model.metrics.fget(self)[0]]  # the one that Keras creates
        if "trackers by name" in made:
            trackers = [m for m in self.metrics if m.name == "loss"]
        if "tracker by name" in made:
            trackers = [next(m for m in self.metrics if m.name == "loss")]
        if "tracker left out" in made:
            trackers = []
        for tracker in trackers:
            tracker.update_state(loss, sample_weight=rows)


_pairs = partial(zip, strict=True)


def _training_argument(function, training: bool) -> dict:
    """Returns the argument `training`, if a function takes it."""
    takes = "training" in inspect.signature(function).parameters
    return {"training": training} if takes else {}


def _rows(x) -> int:
    """Returns the number of rows of a batch."""
    return next(a for a in keras.tree.flatten(x) if a is not None).shape[0]
