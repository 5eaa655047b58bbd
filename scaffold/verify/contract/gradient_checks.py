"""Checks of the gradient. Each takes a `ModelFactory` and returns the problems."""

import keras
import numpy as np

from .model_factory import NotApplicable
from .step_trace import state_variables, values

#: The part of the expected slope by which the loss must fall to be a problem.
TOLERANCE = 0.1


def descent(factory) -> list[str]:
    """Finds gradients along which the reported loss falls.

    An optimizer moves the weights against its gradients, so the loss must rise along
    them. Its slope is their length, unless the loss that is reported is another one.
    """
    model = factory.trained_model()
    state, batch = values(state_variables(model)), factory.batch()
    gradients = _gradients(model, state, batch)
    trainable = state[0]
    if len(gradients) != 1 or len(gradients[0]) != len(trainable):
        raise NotApplicable("the step has not one update of all trainable variables")
    length = _length(gradients[0])
    if not 0 < length < np.inf:
        raise NotApplicable("the gradient is zero or not finite")
    if _loss(model, state, batch) != _loss(model, state, batch):
        raise NotApplicable("the step reports other losses for equal states")
    step = 1e-3 * max(1.0, _length(trainable)) / length
    moved = [
        [v + sign * step * g for v, g in zip(trainable, gradients[0], strict=True)]
        for sign in (1, -1)
    ]
    losses = [_loss(model, (new, *state[1:]), batch) for new in moved]
    slope = (losses[0] - losses[1]) / (2 * step * length)
    # A loss that does not depend on the direction is another matter.
    if slope < 0 and abs(slope) > TOLERANCE * length / _scale(model):
        return [
            f"the loss is {losses[0]:.6g} a little along the gradients, but "
            f"{losses[1]:.6g} against them, where it must be smaller"
        ]
    return []


def _length(arrays) -> float:
    """Returns the Euclidean length of arrays, taken as one vector."""
    squares = (np.sum(np.square(np.asarray(a, "float64"))) for a in arrays)
    return float(np.sqrt(sum(squares)))


def _scale(model) -> float:
    """Returns the factor by which an optimizer scales the loss."""
    scale = getattr(model.optimizer, "dynamic_scale", None)
    return float(scale) if scale is not None else 1.0


def _gradients(model, state, batch) -> list[list[np.ndarray]]:
    """Runs a training step, and returns the gradients of each update."""
    seen = []
    apply = model.optimizer.stateless_apply

    def noted(optimizer_variables, grads, trainable_variables):
        seen.append([np.array(g) for g in grads])
        return apply(optimizer_variables, grads, trainable_variables)

    object.__setattr__(model.optimizer, "stateless_apply", noted)
    try:
        model.train_step(state, batch)
    finally:
        object.__delattr__(model.optimizer, "stateless_apply")
    return seen


def _loss(model, state, batch) -> float:
    """Returns the loss that a training step reports for one batch alone."""
    fresh = [np.zeros_like(v) for v in state[3]]
    logs, _ = model.train_step((*state[:3], fresh), batch)
    if not isinstance(logs, dict) or "loss" not in logs:
        raise NotApplicable("the step reports no loss")
    return float(logs["loss"])


def added_losses(factory) -> list[str]:
    """Finds regularizers and losses of layers that have no effect on training.

    Twice as strong, they must train other weights.
    """
    plain, met, problems = factory.model(), False, []
    # Several steps: a bias of zero has no penalty in the first.
    steps = {"data": factory.rows(), "epochs": 3}
    factory.fit(plain, **steps)
    for name, twice in (
        ("the weight regularizers", _TwiceRegularized()),
        ("the losses that layers add", _TwiceAdded()),
    ):
        doubled = factory.model()
        factory.fit(doubled, callbacks=[twice], **steps)
        pairs = zip(plain.trainable_variables, doubled.trainable_variables, strict=True)
        if twice.found and all(
            np.array_equal(np.array(a), np.array(b)) for a, b in pairs
        ):
            problems.append(f"{name} have no effect on training")
        met = met or bool(twice.found)
    if not met:
        raise NotApplicable("the model has no regularizers and no added losses")
    return problems


class _TwiceRegularized(keras.callbacks.Callback):
    """Doubles the weight regularizers of a model, and finds those with a penalty."""

    def on_train_begin(self, logs=None):
        """Doubles them: before fit(), the model may have no weights."""
        self.regularized = [v for v in self.model.trainable_variables if v.regularizer]
        for variable in self.regularized:
            variable.regularizer = _Twice(variable.regularizer)

    @property
    def found(self) -> list:
        """The variables whose penalty is not zero after training."""
        return [v for v in self.regularized if np.any(np.array(v.regularizer(v)))]


class _Twice(keras.regularizers.Regularizer):
    """A regularizer with twice the penalty of another one."""

    def __init__(self, once):
        """Keeps the other one."""
        self.once = once

    def __call__(self, x):
        """Returns the penalty."""
        return 2 * self.once(x)


class _TwiceAdded(keras.callbacks.Callback):
    """Doubles the losses that the layers of a model add, and collects them."""

    def __init__(self):
        """Starts with none."""
        super().__init__()
        self.found = []

    def on_train_begin(self, logs=None):
        """Doubles them: before fit(), the model may have no layers."""
        for layer in self.model._flatten_layers():

            def twice(loss, add=layer.add_loss):
                self.found.append(loss)
                add(2 * loss)

            object.__setattr__(layer, "add_loss", twice)
