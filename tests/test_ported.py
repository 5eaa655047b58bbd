"""A ported step is compared with the original: the same numbers, and honest limits.

No test here needs TensorFlow: the originals run on JAX. `test_environments_ported.py`
compares with TensorFlow.
"""

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from scaffold.cli import main
from scaffold.verify.ported import exchange, processes
from scaffold.verify.ported.draws import RandomNumbers
from scaffold.verify.ported.first_difference import describe_difference, explain
from scaffold.verify.ported.optimizers import pair_optimizers
from scaffold.verify.ported.random_stream import KINDS, RandomStream, _Draw
from scaffold.verify.ported.steps import Compared
from scaffold.verify.ported.weights import Weights
from scaffold.verify.request import VerifyError

STEP = """
import keras


class Noisy(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        if training:
            x = x + keras.random.normal((16, 4), seed=self.seeds)
        return self.net(x)


def build():
    model = Noisy()
    model.compile("adam", "mse")
    import numpy as np

    rng = np.random.default_rng(0)
    return model, (rng.normal(size=(48, 4)), rng.normal(size=(48, 1)))
"""


def verify(folder, port, original, backend="jax"):
    """Runs the command. Returns its exit status and what it printed."""
    (folder / "port.py").write_text(port)
    (folder / "original.py").write_text(original)
    found = CliRunner().invoke(
        main,
        ["verify", str(folder / "port.py"), "--build", f"{folder / 'port.py'}:build"]
        + ["--against", str(folder / "original.py"), "--against-backend", backend],
    )
    return found.exit_code, found.output


def test_equal(tmp_path):
    """Equal steps with noise are equal: both sides draw the same numbers."""
    status, printed = verify(
        tmp_path, STEP, STEP.replace("Generator(1)", "Generator(2)")
    )

    assert 0 == status, printed
    assert "train steps     close" in printed
    assert "random numbers  holds" in printed


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "before, after, expected",
    [
        ('"mse"', '"mae"', "step 1, log loss"),
        (
            '"adam"',
            '"sgd"',
            "The original trained with Adam (6 variables), the port with SGD",
        ),
        ("(16, 4), seed", "(16, 1), seed", "not comparable: in training step 1"),
        ("keras.random.normal((16, 4)", "np.random.normal(size=(16, 4)", "np.random"),
    ],
)
def test_broken(tmp_path, before, after, expected):
    """What differs is found, and what cannot be compared is said."""
    port = STEP.replace(before, after).replace("import keras\n", IMPORTS, 1)
    if "np.random.normal" in port:
        port = port.replace("size=(16, 4), seed=self.seeds", "size=(16, 4)")
    status, printed = verify(tmp_path, port, STEP)

    assert 1 == status
    assert expected in " ".join(printed.split())


IMPORTS = "import keras\nimport numpy as np\n"


@pytest.mark.parametrize(
    "backend, message, hint",
    [
        ("tensorflow", "which is not installed", "pip install tensorflow-cpu"),
        ("numpy", "'numpy' is not one of", "'tensorflow', 'torch', 'jax'"),
    ],
)
def test_missing_backend(tmp_path, monkeypatch, backend, message, hint):
    """A backend that is missing or does not train is an error with a hint."""
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    status, printed = verify(tmp_path, STEP, STEP, backend)

    assert 2 == status
    assert message in printed and hint in printed


def drawn(kind, stream):
    """Draws from a function of the stream."""
    arguments = {
        "randint": {"minval": 0, "maxval": 100},
        "categorical": {"logits": keras.ops.zeros((3, 5)), "num_samples": 2},
        "dropout": {"inputs": keras.ops.ones((3, 5)), "rate": 0.5},
        "shuffle": {"x": keras.ops.arange(20)},
        "gamma": {"alpha": 2.0},
        "beta": {"alpha": 2.0, "beta": 3.0},
        "binomial": {"counts": 9, "probabilities": 0.5},
    }.get(kind, {})
    if kind not in ("categorical", "dropout", "shuffle"):
        arguments["shape"] = (3, 5)
    return np.array(getattr(_Draw(stream), kind)(**arguments))


@pytest.mark.parametrize("kind", KINDS)
def test_stream(kind):
    """Each draw of a step has its own numbers, and each run has the same ones."""
    runs = []
    for _ in range(2):
        stream, found = RandomStream(), []
        for number in range(2):
            stream.begin(1, number)
            found += [drawn(kind, stream), drawn(kind, stream)]
            record = stream.end()
        runs.append(found)

    assert [[kind, 2]] == [[d[0], d[2]] for d in record["draws"]]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert 4 == len({values.tobytes() for values in runs[0]})


def test_constant_seed():
    """An integer as the seed gives the same numbers in each step, as in Keras."""
    stream, found = RandomStream(), []
    for number in range(2):
        stream.begin(1, number)
        found.append(np.array(_Draw(stream).normal((3,), seed=5)))
        record = stream.end()

    np.testing.assert_array_equal(*found)
    assert "normal with a constant seed" == record["draws"][0][0]


def test_repeated_seed():
    """A seed generator whose new state is dropped is noticed."""
    stream, seeds = RandomStream(), keras.random.SeedGenerator(1)
    for number in range(2):
        stream.begin(1, number)
        _Draw(stream).normal((3,), seed=seeds)
        record = stream.end()
        assert not record["repeated"]
    seeds.state.assign([1, 0])
    stream.begin(1, 2)
    _Draw(stream).normal((3,), seed=seeds)

    assert stream.end()["repeated"]


def step(*draws, direct=()):
    """Makes the record of a step."""
    return {"draws": [*draws], "direct": [*direct], "repeated": ""}


def side(*steps):
    """Makes the record of a side."""
    return {"steps": [*steps], "evaluated": {}, "evaluated at the end": {}}


@pytest.mark.parametrize(
    "port, original, reason",
    [
        (step(["normal", [2], 1, ""]), step(["normal", [2], 1, ""]), None),
        (
            step(),
            step(["normal", [2], 2, "a.py:3"]),
            "2 times, the port never (a.py:3)",
        ),
        (step(["normal", [3], 1, ""]), step(["normal", [2], 1, ""]), "of shape (2,)"),
        (step(direct=["np.random"]), step(), "the port draws from np.random"),
    ],
)
def test_unmatched(port, original, reason):
    """Random numbers are matched if their kinds, shapes and counts are equal."""
    found = RandomNumbers(side(port), side(original)).unmatched

    assert bool(found) == bool(reason)
    assert not reason or reason in found["training", 1]


def compared(kind, name, original, port, **rest):
    """Compares two values in step 1."""
    return Compared(1, kind, name, np.array(original), np.array(port), 1e-6, **rest)


def test_first_difference():
    """The term that differs by a factor is named, and not the sum that contains it."""
    found = [
        compared("log", "loss", 3.0, 2.5),
        compared("log", "kl_loss", 1.0, 0.125),
        compared("weight", "net/kernel", [1.0, 2.0], [1.1, 2.3], attribute="net"),
    ]

    assert "step 1, log kl_loss: 1 in the original, 0.125" in describe_difference(found)
    assert "1/8 times" in explain(found, [], False)[0]


def test_opposite_sign():
    """A weight that moves in the opposite direction comes before a log."""
    moves = np.arange(1.0, 20.0)
    found = [
        compared("log", "loss", 3.0, 2.5),
        compared("weight", "net/kernel", moves, -moves, attribute="net"),
    ]

    assert "step 1, weight net/kernel" in describe_difference(found)
    assert "opposite sign" in explain(found, [], False)[0]
    found.append(compared("weight", "net/bias", [1.0], [2.0], attribute="net"))
    assert "step 1, log loss" in describe_difference(found)


def pair(first, second):
    """Makes a model with two networks, in an order."""
    model = keras.Model()
    for name in (first, second):
        layers = [keras.Input((4,)), keras.layers.Dense({"a": 2, "b": 3}[name])]
        setattr(model, name, keras.Sequential(layers))
    return model


def test_weights_are_paired_by_attributes():
    """The order of two networks does not matter if their attributes are equal."""
    weights = Weights(pair("b", "a"))
    weights.arrange_like(Weights(pair("a", "b")).entries)

    assert [[4, 2], [2], [4, 3], [3]] == [entry[2] for entry in weights.entries]


def test_weights_that_cannot_be_paired():
    """The error names the first weight whose shape differs."""
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    with pytest.raises(VerifyError, match=r"number 0 is .*kernel of shape \(4, 2\)"):
        Weights(pair("a", "b")).arrange_like(Weights(other).entries)


def test_optimizers_are_paired_by_shapes():
    """Optimizers are paired by the shapes of their variables, whatever their names."""
    a, b = np.zeros(2), np.zeros(3)
    ours = [
        {"name": n, "class": "Adam", "variables": [v]} for n, v in (("d", a), ("g", b))
    ]
    theirs = [{**ours[1], "name": "optimizer"}, {**ours[0], "name": "second"}]

    pairs = pair_optimizers(ours, theirs)
    assert ["second", "optimizer"] == [port["name"] for _, port in pairs]
    assert "port with Adam (1 variables)" in pair_optimizers(ours, theirs[:1])


def test_exchange(tmp_path):
    """Batches of any structure arrive as they were sent."""
    data = ({"a": np.arange(3), "b": [np.float32(1.5)]}, None, np.array(["x", "y"]))
    exchange.write(tmp_path / "data.npz", data)
    found = exchange.read(tmp_path / "data.npz")

    assert str(data).replace("np.float32(1.5)", "array(1.5, dtype=float32)") == str(
        found
    )
    with pytest.raises(TypeError, match="dict objects"):
        exchange.write(tmp_path / "data.npz", np.array([{}]))
    (tmp_path / "data.npz").write_bytes(b"no")
    with pytest.raises(ValueError, match="cannot be read"):
        exchange.read(tmp_path / "data.npz")
