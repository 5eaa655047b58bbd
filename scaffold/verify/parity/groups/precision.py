"""Cases of mixed precision."""

import keras

from ..batches import weighted
from ..case import Case
from ..layers import stateful


def overflowing_scale():
    """Makes an optimizer whose loss scale overflows in the first steps."""
    inner = keras.optimizers.SGD(0.05)
    optimizer = keras.optimizers.LossScaleOptimizer(
        inner, initial_scale=2.0**24, dynamic_growth_steps=2
    )
    return {"optimizer": optimizer}


CASES = (
    Case(
        "mixed_float16",
        "precision",
        policy="mixed_float16",
        scales_loss=True,
        layers=stateful,
    ),
    Case(
        "mixed_float16 with SGD",
        "precision",
        policy="mixed_float16",
        scales_loss=True,
        compile=lambda: {"optimizer": keras.optimizers.SGD(0.05)},
        quick=True,
    ),
    Case(
        "mixed_float16 with overflow",
        "precision",
        policy="mixed_float16",
        scales_loss=True,
        compile=overflowing_scale,
    ),
    Case(
        "mixed_float16 with weights",
        "precision",
        policy="mixed_float16",
        scales_loss=True,
        data=weighted,
        weighted=True,
    ),
    Case("mixed_bfloat16", "precision", policy="mixed_bfloat16", layers=stateful),
)
