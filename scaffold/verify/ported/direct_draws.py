"""Finds the random numbers of a step that do not come from `keras.random`.

They differ between backends, so a comparison that depends on them says nothing.
"""

import functools
import os
import random
import re
import sys

import keras
import numpy as np

#: Functions of `jax.random` that make keys, but no random numbers.
JAX_KEYS = {
    "PRNGKey",
    "clone",
    "default_prng_impl",
    "fold_in",
    "key",
    "key_data",
    "key_impl",
    "split",
    "wrap_key_data",
}

#: TensorFlow's operations that draw random numbers.
TENSORFLOW_DRAWS = re.compile(
    r"(Stateless)?(Random(?!GetKeyCounter|GetAlg)|Multinomial|TruncatedNormal"
    r"|ParameterizedTruncatedNormal|Shuffle)"
)


def users_line() -> str:
    """Returns the file and line of the user's code that is running, or nothing."""
    ours = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    installed = (ours, sys.prefix, sys.base_prefix, "<")
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(installed) and "site-packages" not in name:
            return f"{os.path.basename(name)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


class DirectDraws:
    """Watches the sources of random numbers other than `keras.random`."""

    def __init__(self, stream):
        """Starts to watch them. Notes of their use go to `stream.direct`.

        The user's files must be imported afterwards, because they may import single
        functions.
        """
        self._stream = stream
        self._generators = []
        self._before = None
        self._watch_numpy()
        watch = getattr(self, f"_watch_{keras.backend.backend()}", lambda: None)
        watch()

    def begin(self) -> None:
        """Begins a step."""
        self._before = self._states()

    def end(self) -> None:
        """Ends a step. Notes the generators whose state has changed."""
        after = self._states()
        for source, state in (self._before or after).items():
            if repr(after[source]) != repr(state):
                self._note(source.rsplit("#")[0], "")

    def _note(self, source: str, line: str) -> None:
        text = f"{source} ({line})" if line else source
        if self._stream.active and text not in self._stream.direct:
            self._stream.direct.append(text)

    def _states(self) -> dict:
        """Returns the states of the generators that have one."""
        states = {"random": hash(random.getstate())}
        _, keys, *rest = np.random.get_state()
        states["np.random"] = keys.tobytes(), rest
        for number, generator in enumerate(self._generators):
            states[f"np.random.default_rng()#{number}"] = generator.bit_generator.state
        if keras.backend.backend() == "torch":
            import torch

            states["torch's random functions"] = torch.get_rng_state().numpy().tobytes()
        return states

    def _watch_numpy(self) -> None:
        """Keeps the generators that are made from now on."""
        make = np.random.default_rng

        @functools.wraps(make)
        def default_rng(*args, **kwargs):
            generator = make(*args, **kwargs)
            if self._stream.active:
                # It may be new in each step, so its state tells nothing.
                self._note("np.random.default_rng()", users_line())
            else:
                self._generators.append(generator)
            return generator

        np.random.default_rng = default_rng

    def _watch_jax(self) -> None:
        """Replaces the functions of `jax.random` that draw."""
        import jax

        for name, function in [*vars(jax.random).items()]:
            draws = callable(function) and not isinstance(function, type)
            if draws and name not in JAX_KEYS and not name.startswith("_"):
                setattr(jax.random, name, self._watched(name, function))

    def _watched(self, name: str, function):
        @functools.wraps(function)
        def watched(*args, **kwargs):
            self._note(f"jax.random.{name}()", users_line())
            return function(*args, **kwargs)

        return watched

    def _watch_tensorflow(self) -> None:
        """Sees every operation that TensorFlow runs."""
        from tensorflow.python.framework import op_callbacks

        def see(op_type, inputs, attrs, outputs, op_name=None, graph=None):
            name = op_type.decode() if isinstance(op_type, bytes) else op_type
            if self._stream.active and TENSORFLOW_DRAWS.match(name):
                self._note(f"TensorFlow's {name}", users_line())

        op_callbacks.add_op_callback(see)
