"""Cases that train a model of `--build`, with its own data."""

import keras

from ..case import Case


def scale_loss(model) -> None:
    """Makes the optimizer of a compiled model scale the loss."""
    if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        model.optimizer = keras.optimizers.LossScaleOptimizer(
            model.optimizer, initial_scale=2.0**10
        )


CASES = (
    Case("your model and data", "own model", built=True, quick=True),
    Case("your model with full batches", "own model", built=True, full=True),
    Case("your model with weights", "own model", built=True, weighted=True),
    Case(
        "your model with a scaled loss",
        "own model",
        built=True,
        scales_loss=True,
        prepare=scale_loss,
    ),
)
