"""Parts that fit together give a class that trains. Others are refused."""

import random
import re
import sys
import types
from contextlib import suppress
from dataclasses import replace
from itertools import product

import black
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from matrix import text
from test_text import lint

from scaffold import Spec
from scaffold.cli import main
from scaffold.errors import SpecError
from scaffold.keras_names import MODEL_NAMES
from scaffold.module_source import module_source
from scaffold.parts import LONGEST_VARIANT

#: Options that do not fit together, the message and the hint.
REFUSED = {
    "--network 2nd": ("'2nd' is not a valid name", "such as student"),
    "--network my-net": ("'my-net' is not a valid name", "lower-case letters"),
    "--network Net": ("'Net' is not a valid name", "lower-case letters"),
    "--network _net": ("'_net' is not a valid name", "lower-case letters"),
    "--network lambda": ("'lambda' is taken: Python has", "another name"),
    "--network input": ("'input' is taken: Python has", "another name"),
    "--network layers": ("'layers' is taken: keras.Model has", "another name"),
    "--network network": ("'network' is taken: the generated code", "another name"),
    "--network model": ("'model' is taken: the generated code", "another name"),
    "--network keras": ("'keras' is taken: the generated code", "another name"),
    "--frozen seed": ("--frozen 'seed' is taken", "another name"),
    "--average loss=predictor": ("--average 'loss' is taken", "another name"),
    "--network a --optimizer Opt=a": ("'Opt' is not a valid name", "lower-case"),
    "--network abcdefghijklmnopqrstuvwxyz": ("is too long", "at most 24 characters"),
    "--network a --network a": ("another network has this name", "Name it once"),
    "--network a --network b --frozen b": (
        "--frozen b: another network has this name",
        "leave out --network b",
    ),
    "--network a --average a=a": ("--average a: another network", "Choose another"),
    "--average teacher": ("is not of the form NAME=NETWORK", "--average NAME=NETWORK"),
    "--average teacher=": ("is not of the form NAME=NETWORK", "--average NAME=NETWORK"),
    "--network a --average mean=b": ("there is no network b", "a"),
    "--network a --frozen b --average mean=b": (
        "b is frozen, so its average would never change",
        "Train it with --network b",
    ),
    "--network a --average m=a --average n=m": (
        "m is an average itself",
        "Name the network that is trained",
    ),
    "--network a --network b --optimizer o=a": (
        "b has no optimizer",
        "freeze it: --frozen b",
    ),
    "--network a --optimizer o=a --optimizer p=a": (
        "a has two optimizers: o and p",
        "List each network once",
    ),
    "--network a --optimizer o=a,a": ("lists a twice", "List each network once"),
    "--network a --network b --optimizer o=a --optimizer o=b": (
        "--optimizer o: another optimizer has this name",
        "--optimizer o=NETWORK,NETWORK",
    ),
    "--network student --optimizer o=studnet": (
        "there is no network 'studnet'",
        "Did you mean student?",
    ),
    "--network a --optimizer o=a,": ("there is no network ''", "a"),
    "--network a --optimizer o": ("is not of the form NAME=NETWORK", "--optimizer"),
    "--network a --frozen b --optimizer o=a,b": (
        "b is frozen, so it is not trained",
        "Leave it out",
    ),
    "--network a --average m=a --optimizer o=a,m": (
        "m is a moving average, so it is not trained",
        "Leave it out",
    ),
    "--network a --updates b=2": ("there is no optimizer b", "a"),
    "--network a --updates a=0": ("must be from 1 to 9999", "--updates a=5"),
    "--network a --updates a=-1": ("must be from 1 to 9999", "--updates a=5"),
    "--network a --updates a=x": ("must be from 1 to 9999", "--updates a=5"),
    "--network a --updates a": ("is not of the form OPTIMIZER=N", "--updates"),
    "--network a --updates a=2": ("no optimizer is left with one update", "epochs"),
    "--network a --network b --optimizer o=a --optimizer p=b --updates o=2 "
    "--updates o=3": ("o has two numbers", "Give it one"),
    "--network a --network b --optimizer o=a --optimizer p=b --updates o=2 "
    "--updates p=2": ("no optimizer is left with one update", "Leave it out"),
    "--network student --predict studnt": (
        "--predict studnt: there is no such network",
        "Did you mean student?",
    ),
    "--network a --optimizer compute=a": ("needs the name compute_loss", "another"),
    "--network a --optimizer trainable=a": (
        "needs the name trainable_variables",
        "another",
    ),
    "--network o_loss --optimizer o=o_loss": ("needs the name o_loss", "another"),
}


def run(*arguments):
    """Runs the command."""
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("options", REFUSED)
def test_contradictions(options, tmp_path, monkeypatch):
    """They exit 2 and write nothing. The message says what is wrong and what to do."""
    monkeypatch.chdir(tmp_path)
    result = run("new", "a.py", "--recipe", "custom", *options.split())

    message, hint = REFUSED[options]
    assert 2 == result.exit_code, result.output
    said, _, advice = result.stderr.partition("\nHint: ")
    assert message in said and hint in advice
    assert [] == list(tmp_path.iterdir())


def test_no_network():
    """Python code can pass no network. Something must be trained."""
    with pytest.raises(SpecError, match="No network is trained"):
        Spec(recipe="custom", network=())


def test_names_of_keras():
    """The list has every public name of a compiled model, as Keras 3.15 has them."""

    class Model(keras.Model):
        """A model with nothing of its own."""

    model = Model()
    model.built = True
    model.compile(optimizer="sgd", loss="mse")
    found = {name for name in dir(model) if re.fullmatch("[a-z][a-z0-9_]*", name)}

    assert found <= MODEL_NAMES
    if keras.version().startswith("3.15."):
        assert found == MODEL_NAMES


def test_parts():
    """By default, one optimizer trains all networks. Repeated optimizers come first."""
    one = Spec(recipe="custom", network=("student",), average=("teacher=student",))
    several = Spec(recipe="custom", network=("encoder", "decoder"))
    adversaries = Spec(
        recipe="custom",
        network=("generator", "critic"),
        optimizer=("g=generator", "c=critic"),
        updates=("c=5",),
    )

    assert ["student"] == [o.name for o in one.parts.optimizers]
    assert "teacher" == one.parts.predict
    assert [("joint", ("encoder", "decoder"))] == [
        (o.name, o.networks) for o in several.parts.optimizers
    ]
    assert "encoder" == several.parts.predict
    assert ["c", "g"] == [o.name for o in adversaries.parts.optimizers]


def test_labels():
    """A variant has a readable part, and a checksum where that is not everything."""
    plain = Spec(recipe="custom", network=("generator", "critic"), noise=True)
    named = replace(plain, optimizer=("g=generator", "c=critic"))
    joint = replace(plain, optimizer=("joint=generator,critic",))
    long = Spec(recipe="custom", network=tuple(f"a_long_name_{i}" for i in range(9)))

    assert "generator-critic+noise" == plain.variant
    assert "generator-critic+noise+649edd" == named.variant
    assert plain.variant == joint.variant
    assert re.fullmatch(r"a_long_name_0-[\w-]+\+[0-9a-f]{6}", long.variant)
    assert LONGEST_VARIANT == len(long.parts.label)


def test_variants():
    """Classes of different parts are registered under different names."""
    long = tuple(f"a_long_name_{i}" for i in range(9))
    two = {"network": ("a", "b")}
    both = {**two, "optimizer": ("a=a", "b=b")}
    changes = [
        {},
        {"average": ("mean=a",)},
        {"frozen": ("b",)},
        {"inputs": "xy"},
        {"inputs": "streams"},
        {"noise": True},
        {"input_gradients": True},
        {"optax": True},
        {"optimizer": ("main=a",)},
        {"network": ("a", "c")},
        {"network": ("a", "xy")},
        {"network": ("a_b",)},
        two,
        {**two, "predict": "b"},
        {**two, "average": ("mean=a",)},
        {**two, "average": ("mean=b",)},
        {**two, "optimizer": ("joint=b,a",)},
        both,
        {**both, "optimizer": ("a=a", "c=b")},
        {**both, "updates": ("a=2",)},
        {**both, "updates": ("b=2",)},
        {"network": long},
        {"network": long, "frozen": ("z",)},
        {"network": long[:-1]},
    ]

    specs = [Spec(recipe="custom", **{"network": ("a",), **new}) for new in changes]

    assert len(changes) == len({spec.variant for spec in specs})


#: Values of the options that name parts. Their names can be mistaken for each other.
FEW_NAMES = {
    "network": [("a",), ("a_b",), ("a", "b"), ("b", "a"), ("a", "xy")],
    "frozen": [(), ("b",)],
    "average": [(), ("m=a",), ("m=b",)],
    "optimizer": [(), ("a=a",), ("joint=a,b",), ("joint=b,a",), ("a=a", "b=b")],
    "updates": [(), ("a=2",), ("a=3",), ("b=2",)],
    "predict": [None, "b", "m"],
    "inputs": ["x", "xy"],
}


def test_one_variant_one_class():
    """All classes of one variant are the same, except for their numbers of updates."""
    labels, variants = {}, {}
    for values in product(*FEW_NAMES.values()):
        with suppress(SpecError):  # Not all values fit together.
            spec = Spec(recipe="custom", **dict(zip(FEW_NAMES, values, strict=True)))
            variants.setdefault(spec.variant, []).append(spec)
            labels.setdefault(spec.parts.label, set()).add(spec.variant)

    # Labels alone would not do, and some specs give the same class.
    assert len(labels) < len(variants) / 5
    assert len(variants) < sum(map(len, variants.values())) - 100
    for specs in (specs for specs in variants.values() if len(specs) > 1):
        sources = (module_source(spec, "m.py").split("\n", 1)[1] for spec in specs)
        updates = re.compile(r"(_updates=)\d")
        assert 1 == len({updates.sub(r"\1N", source) for source in sources}), specs


#: Names of parts, short ones and the longest.
NAMES = (
    *("a", "g", "actor", "critic", "decoder", "encoder", "generator", "student"),
    *("projection_head", "a_name_of_24_characters_", "networks", "step", "state"),
    *("batch", "data", "group", "names", "teacher", "expert", "item2", "rest"),
)


def draw(seed: int) -> Spec:
    """Draws the options of a class whose parts fit together."""
    rng = random.Random(seed)
    names = rng.sample(NAMES, len(NAMES))
    networks = [names.pop() for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    frozen = [names.pop() for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    averages = {
        names.pop(): rng.choice(networks) for _ in range(rng.choice((0, 0, 1, 2)))
    }
    optimizers, updates = [], []
    if rng.random() < 0.7:
        rest = rng.sample(networks, len(networks))
        while rest:
            count = rng.randint(1, len(rest))
            name = rng.choice([rest[0], names.pop()])
            optimizers.append((name, rest[:count]))
            rest = rest[count:]
        for name, _ in optimizers[1:]:
            if rng.random() < 0.5:
                updates.append(f"{name}={rng.randint(1, 3)}")
    known = [*networks, *frozen, *averages]
    return Spec(
        recipe="custom",
        network=tuple(networks),
        frozen=tuple(frozen),
        average=tuple(f"{name}={network}" for name, network in averages.items()),
        optimizer=tuple(f"{name}={','.join(of)}" for name, of in optimizers),
        updates=tuple(updates),
        noise=rng.random() < 0.5,
        input_gradients=rng.random() < 0.4,
        inputs=rng.choice(("x", "xy", "streams")),
        predict=rng.choice([None, *known]),
        fuse_steps=rng.random() < 0.1,
        optax=rng.random() < 0.2,
    )


SPECS = [draw(seed) for seed in range(100)]
#: The seeds that train every day. CI trains all.
DAILY = 4


def test_random_parts_differ():
    """The random specs are of many kinds."""
    assert len(set(SPECS)) > 90
    for attribute in (
        "frozen",
        "average",
        "optimizer",
        "updates",
        "fuse_steps",
        "optax",
    ):
        assert 5 <= sum(bool(getattr(spec, attribute)) for spec in SPECS)


@pytest.mark.exhaustive
def test_random_parts_are_clean(tmp_path):
    """Black changes nothing in their files, and ruff finds nothing."""
    for seed, spec in enumerate(SPECS):
        code = text(spec)
        assert code == black.format_str(code, mode=black.Mode())
        (tmp_path / f"parts_{seed}.py").write_text(code, "utf-8")

    assert [] == lint(tmp_path)


def batch(spec, seed: int) -> tuple:
    """Returns 8 rows of random data for `fit()`."""
    x, others, y = np.random.default_rng(seed).normal(size=(3, 8, 8)).astype("float32")
    if spec.inputs == "streams":
        return {"labelled": x, "unlabelled": others}, y
    return (x, y) if spec.inputs == "xy" else (x,)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=() if seed < DAILY else pytest.mark.exhaustive)
        for seed in range(len(SPECS))
    ],
)
def test_random_parts_train(seed, tmp_path, plain_compiler):
    """They train two steps, save, load, and go on exactly."""
    spec = SPECS[seed]
    module = sys.modules[f"parts_{seed}"] = types.ModuleType(f"parts_{seed}")
    exec(text(spec), module.__dict__)
    keras.utils.set_random_seed(seed)
    model = module.build_model()
    start = [np.array(v) for v in model.variables]
    for step in range(2):
        model.train_on_batch(*batch(spec, step))
    model.save(tmp_path / "model.keras")
    if spec.optax:
        loaded = module.build_model()
        loaded.load_weights(tmp_path / "model.keras")
    else:
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    states = []
    for one in (model, loaded):
        one.reset_metrics()
        logs = one.fit(*batch(spec, 2), batch_size=8, shuffle=False, verbose=0).history
        assert all(np.isfinite(value).all() for value in logs.values())
        states.append([logs, *map(np.array, one.variables + one.optimizer.variables)])

    assert states[0][0] == states[1][0]
    for expected, actual in zip(states[0][1:], states[1][1:], strict=True):
        np.testing.assert_array_equal(expected, actual)
    trained = {id(v) for v in model.trainable_variables}
    for before, variable in zip(start, model.variables, strict=True):
        moved = np.any(before != np.array(variable))
        assert moved or id(variable) not in trained or "bias" in variable.path
    frozen = [getattr(model, name) for name in spec.frozen]
    assert not any(network.trainable_variables for network in frozen)
    assert model(batch(spec, 0)[0]).shape == (8, 8)
