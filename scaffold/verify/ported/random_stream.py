"""One stream of random numbers for every backend.

Keras's layers and `keras.random` draw from functions of the backend. `install()`
replaces these. During a step, the n-th draw of a kind and shape is then the same on
every backend. Outside of steps, such as when layers are built, nothing changes.
"""

import functools
import importlib
from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
from keras.src.random.seed_generator import draw_seed

from .direct_draws import users_line

#: The functions of a backend that are replaced.
KINDS = (
    "normal",
    "uniform",
    "truncated_normal",
    "randint",
    "categorical",
    "dropout",
    "shuffle",
    "gamma",
    "beta",
    "binomial",
)

SEED = 7


class RandomStream:
    """The random numbers of the steps, and a record of what was drawn.

    Attributes:
        direct: Notes of random numbers that cannot be replaced.
    """

    def __init__(self):
        """Creates a stream that is not in a step."""
        self._step = None
        self._draws, self._lines, self.direct = Counter(), {}, []
        self._seeds, self._earlier, self._repeated = set(), set(), ""

    @property
    def active(self) -> bool:
        """Whether a step is running."""
        return self._step is not None

    def begin(self, phase: int, number: int) -> None:
        """Begins a step of a phase. Both number what gets the same random numbers."""
        self._step = phase, number
        self._draws, self._lines, self.direct = Counter(), {}, []
        self._seeds, self._repeated = set(), ""

    def end(self) -> dict:
        """Ends a step, and returns what was drawn in it.

        Returns:
            A dict of `draws`, a list of `[kind, shape, count, line]`, of `direct`, and
            of `repeated`, the line of a draw from a seed of an earlier step.
        """
        self._step = None
        self._earlier |= self._seeds
        draws = [
            [kind, list(shape), count, self._lines[kind, shape]]
            for (kind, shape), count in self._draws.items()
        ]
        return {"draws": draws, "direct": self.direct, "repeated": self._repeated}

    def numbers(self, kind: str, shape: tuple, seed) -> np.random.Generator:
        """Records a draw, and returns the generator of its numbers.

        Args:
            kind: A name of `KINDS`.
            shape: The shape of the numbers.
            seed: A `SeedGenerator`, an integer, or `None` for Keras's own generator.
        """
        used = draw_seed(seed)  # advances the generator, or raises Keras's own error
        constant = isinstance(seed, int)
        what = f"{kind} with a constant seed" if constant else kind
        number = self._draws[what, shape]
        self._draws[what, shape] += 1
        line = self._lines.setdefault((what, shape), users_line())
        if not constant:
            self._note_seed(seed, used, line)
        where = (0, 0, 0) if constant else (1, *self._step)
        words = [SEED, KINDS.index(kind), *where, 0 if constant else number, *shape]
        # Not default_rng(): `direct_draws.py` watches it.
        return np.random.Generator(np.random.PCG64(words))

    def _note_seed(self, generator, seed, line: str) -> None:
        """Notes a draw from the same state of a seed generator as in another step."""
        try:
            values = tuple(np.asarray(keras.ops.convert_to_numpy(seed)).tolist())
        except Exception:  # a traced value
            return
        key = id(generator), values
        self._seeds.add(key)
        if key in self._earlier:
            self._repeated = self._repeated or line or "a layer"


def install(stream: RandomStream) -> None:
    """Makes the current backend draw from a stream during its steps."""
    module = importlib.import_module(
        f"keras.src.backend.{keras.backend.backend()}.random"
    )
    draw = _Draw(stream)
    for kind in KINDS:
        original = getattr(module, kind)
        setattr(module, kind, _replaced(stream, kind, original, getattr(draw, kind)))


def _replaced(stream: RandomStream, kind: str, original: Callable, draw: Callable):
    """Returns a function that draws from the stream during a step."""

    @functools.wraps(original)
    def replaced(*args, **kwargs):
        if not stream.active:
            return original(*args, **kwargs)
        try:
            return draw(*args, **kwargs)
        except _Unknown as unknown:
            stream.direct.append(f"keras.random.{kind}() with {unknown}")
            return original(*args, **kwargs)

    return replaced


class _Unknown(Exception):
    """The parameters of a distribution have no values yet: they are differentiated."""


class _Draw:
    """The functions of `KINDS`, on any backend, with the numbers of a stream."""

    def __init__(self, stream: RandomStream):
        """Initializes the functions with their stream."""
        self._numbers = stream.numbers

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        """Draws from a normal distribution."""
        shape = _shape(shape)
        values = self._numbers("normal", shape, seed).standard_normal(shape)
        return _scaled(values, mean, stddev, dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        """Draws from a normal distribution, within two standard deviations."""
        shape = _shape(shape)
        rng = self._numbers("truncated_normal", shape, seed)
        values = rng.standard_normal(shape)
        while (outside := np.abs(values) > 2).any():
            values = np.where(outside, rng.standard_normal(shape), values)
        return _scaled(values, mean, stddev, dtype)

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        """Draws from a uniform distribution."""
        shape = _shape(shape)
        values = self._numbers("uniform", shape, seed).uniform(size=shape)
        span = keras.ops.subtract(maxval, minval)
        return _scaled(values, minval, span, dtype)

    def randint(self, shape, minval, maxval, dtype="int32", seed=None):
        """Draws integers."""
        shape, low, high = _shape(shape), _known(minval), _known(maxval)
        values = self._numbers("randint", shape, seed).integers(low, high, shape)
        return keras.ops.convert_to_tensor(values, dtype)

    def categorical(self, logits, num_samples, dtype="int32", seed=None):
        """Draws classes with the probabilities of the softmax of logits."""
        rows, classes = logits.shape
        shape = int(rows), int(num_samples), int(classes)
        noise = self._numbers("categorical", shape, seed).gumbel(size=shape)
        noise = keras.ops.convert_to_tensor(noise, keras.backend.floatx())
        scores = keras.ops.expand_dims(keras.ops.cast(logits, noise.dtype), 1) + noise
        return keras.ops.cast(keras.ops.argmax(scores, axis=-1), dtype)

    def dropout(self, inputs, rate, noise_shape=None, seed=None):
        """Drops a share of the inputs, and scales the others up."""
        sizes = tuple(map(int, inputs.shape))
        pairs = zip(noise_shape or sizes, sizes, strict=True)
        shape = tuple(size if n is None else int(n) for n, size in pairs)
        kept = self._numbers("dropout", shape, seed).uniform(size=shape) >= rate
        mask = kept / max(1 - float(rate), 1e-7)
        return inputs * keras.ops.convert_to_tensor(mask, inputs.dtype)

    def shuffle(self, x, axis=0, seed=None):
        """Shuffles a tensor along an axis."""
        size = int(x.shape[axis])
        order = self._numbers("shuffle", (size,), seed).permutation(size)
        return keras.ops.take(x, keras.ops.convert_to_tensor(order, "int32"), axis)

    def gamma(self, shape, alpha, dtype=None, seed=None):
        """Draws from a gamma distribution."""
        shape, alpha = _shape(shape), _known(alpha)
        values = self._numbers("gamma", shape, seed).standard_gamma(alpha, shape)
        return _scaled(values, 0.0, 1.0, dtype)

    def beta(self, shape, alpha, beta, dtype=None, seed=None):
        """Draws from a beta distribution."""
        shape, alpha, beta = _shape(shape), _known(alpha), _known(beta)
        values = self._numbers("beta", shape, seed).beta(alpha, beta, shape)
        return _scaled(values, 0.0, 1.0, dtype)

    def binomial(self, shape, counts, probabilities, dtype=None, seed=None):
        """Draws from a binomial distribution."""
        shape, counts, chance = _shape(shape), _known(counts), _known(probabilities)
        rng = self._numbers("binomial", shape, seed)
        values = rng.binomial(counts.astype("int64"), chance, shape)
        return _scaled(values, 0.0, 1.0, dtype)


def _shape(shape) -> tuple[int, ...]:
    """Returns a shape, which may hold tensors, as a tuple of integers."""
    if hasattr(shape, "dtype"):
        shape = keras.ops.convert_to_numpy(shape)
    return tuple(int(size) for size in shape)


def _known(value) -> np.ndarray:
    """Returns a parameter as an array.

    Raises:
        _Unknown: If it has no value, because it is differentiated.
    """
    try:
        return np.asarray(keras.ops.convert_to_numpy(value))
    except Exception as error:
        raise _Unknown("parameters that are differentiated or traced") from error


def _scaled(values: np.ndarray, start, scale, dtype):
    """Returns `start + scale * values` as a tensor. Gradients flow to both."""
    dtype = keras.backend.standardize_dtype(dtype or keras.backend.floatx())
    values = keras.ops.convert_to_tensor(values, dtype)
    if not (isinstance(start, float) and isinstance(scale, float)):
        start, scale = keras.ops.cast(start, dtype), keras.ops.cast(scale, dtype)
    return start + scale * values
