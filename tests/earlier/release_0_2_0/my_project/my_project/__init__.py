"""A Keras model with its own training step, on JAX."""

import os

# Keras reads this variable once, when it is imported.
os.environ.setdefault("KERAS_BACKEND", "jax")


class InputError(ValueError):
    """Data or arguments that cannot be used; shown to people without a traceback."""
