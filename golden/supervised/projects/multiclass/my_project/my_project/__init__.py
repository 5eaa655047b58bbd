"""A Keras model with its own training step, on JAX."""

import os

# Keras reads this variable once, when it is imported.
os.environ.setdefault("KERAS_BACKEND", "jax")


class InputError(ValueError):
    """An error in the data or the arguments, shown without a traceback."""
