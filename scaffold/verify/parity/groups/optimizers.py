"""Cases of optimizers and their arguments."""

import keras
import numpy as np

from ..case import Case


def sgd(**arguments):
    """Returns a function that makes `compile()` arguments with SGD."""
    return lambda: {"optimizer": keras.optimizers.SGD(0.05, **arguments)}


def adam(**arguments):
    """Returns a function that makes `compile()` arguments with Adam."""
    return lambda: {"optimizer": keras.optimizers.Adam(0.02, **arguments)}


def schedule():
    """Makes `compile()` arguments with a learning rate schedule."""
    decay = keras.optimizers.schedules.CosineDecay(0.1, 10)
    return {"optimizer": keras.optimizers.SGD(decay)}


def copy_averages(model):
    """Copies the weight averages. Keras 3.15 leaves them in the weights' buffers."""
    for variable in model.optimizer.variables:
        variable.assign(np.array(variable))


CASES = (
    Case("SGD with momentum", "optimizers", compile=sgd(momentum=0.9, nesterov=True)),
    Case(
        "weight decay",
        "optimizers",
        compile=lambda: {"optimizer": keras.optimizers.AdamW(0.01, weight_decay=0.1)},
    ),
    Case(
        "use_ema",
        "optimizers",
        compile=adam(use_ema=True, ema_momentum=0.8),
        after=copy_averages,
    ),
    Case(
        "use_ema with ema_overwrite_frequency",
        "optimizers",
        compile=adam(use_ema=True, ema_overwrite_frequency=3),
        after=copy_averages,
    ),
    Case(
        "gradient accumulation",
        "optimizers",
        compile=adam(gradient_accumulation_steps=3),
    ),
    Case("clipnorm", "optimizers", compile=sgd(clipnorm=0.1)),
    Case("global_clipnorm", "optimizers", compile=sgd(global_clipnorm=0.1)),
    Case("clipvalue", "optimizers", compile=sgd(clipvalue=0.01)),
    Case("learning rate schedule", "optimizers", compile=schedule),
)
