"""What every recipe can do: all that Keras does with a model."""

import ast
import importlib.util
import inspect
import json
import re
from contextlib import suppress
from dataclasses import replace

import keras
import numpy as np
import pytest
from loops import assert_same, fit, values
from matrix import EXAMPLES, PARTS, recipe_goldens, text

from scaffold import Spec
from scaffold.errors import SpecError
from scaffold.module_source import module_source
from scaffold.recipe_options import own_options
from scaffold.recipes import example_path, recipe_names
from scaffold.verify.checks import INVARIANTS
from scaffold.verify.class_in_file import find_class
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.file_import import import_alone

GOLDENS = recipe_goldens()

pytestmark = pytest.mark.usefixtures("plain_compiler")


def identify(path) -> str:
    """Names a golden in pytest's output."""
    return f"{path.parent.name}/{path.stem}"


#: The recipes as they are, with parts, and with options that change what they compute.
PLAIN = [
    path
    for path, spec in GOLDENS.items()
    if path.stem == "plain" or spec.recipe in PARTS
]
EVERY = pytest.mark.parametrize("path", PLAIN, ids=identify)
OPTIONS_TOO = pytest.mark.parametrize("path", GOLDENS, ids=identify)


def class_and_data(path):
    """Returns the class under test, and data that its model trains on."""
    tested = find_class(str(path))
    keras.utils.set_random_seed(1)
    _, data = tested.build()
    return tested, data


def built(tested):
    """Builds a model; each has the same weights."""
    keras.utils.set_random_seed(1)
    model = tested.build()[0]
    if hasattr(model, "frozen_steps"):  # Both phases are in the first epoch.
        model.frozen_steps = 2
    return model


def optimizer_names(model) -> list[str]:
    """Lists the arguments of `compile()` that are optimizers."""
    arguments = inspect.signature(model.compile).parameters
    return [name for name in arguments if "optimizer" in name]


@OPTIONS_TOO
def test_import(path, capsys):
    """Importing a file prints nothing, trains nothing, and registers its class."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cls = getattr(module, GOLDENS[path].class_name)

    assert (keras.Model,) == cls.__bases__
    package = GOLDENS[path].variant or "Custom"
    assert keras.saving.get_registered_object(f"{package}>{cls.__name__}") is cls
    assert ("", "") == capsys.readouterr()


def test_variants_have_names():
    """A process can load files of all variants: no two are registered as one.

    Fused steps are no variant. They do not change what a class computes.
    """
    names = [
        (spec.recipe, re.search(r"_serializable\(\s*(.*?)\s*\)", text(spec))[1])
        for spec in GOLDENS.values()
        if not spec.fuse_steps or spec.recipe in PARTS
    ]
    assert len(names) == len({*names})


@pytest.mark.parametrize("recipe", sorted({*recipe_names()} - {"supervised", *PARTS}))
def test_one_variant_one_class(recipe):
    """Files of one variant differ only in numbers."""
    sources = {}
    for option in own_options(recipe):
        for value in option.choices or map(option.type, (0, 0.5, 1, 2)):
            with suppress(SpecError):  # Below the minimum, for example.
                spec = Spec(recipe=recipe, **{option.name: value})
                source = module_source(spec, "m.py").split("\n", 1)[1]
                source = re.sub(r"\d+(\.\d+)?", "N", source)
                sources.setdefault(spec.variant, {})[source] = spec

    assert [] == [specs for specs in sources.values() if len(specs) > 1]


#: The invariants that do not apply to recipes, and why.
LEFT_OUT = {
    "sample weights change the loss": "refuses sample weights|without targets",
    "regularizers and added losses reach the loss": "the model has no regularizers",
    "the loss falls along the gradient": "reports no loss|not one update of all",
    "train_on_batch trains like fit": "the model trains without targets",
}


@pytest.mark.parametrize("contract", INVARIANTS, ids=lambda contract: contract.name)
@EVERY
def test_contract(path, contract, request):
    """`kscaffold verify` finds nothing wrong."""
    if "eager execution" in contract.name:  # The older kernels round differently.
        request.getfixturevalue("usual_kernels")
    verdict = check_invariant(contract, find_class(str(path)))

    if verdict.outcome == "not applicable":
        assert re.search(LEFT_OUT[contract.name], verdict.detail), verdict
    else:
        assert "holds" == verdict.outcome and not contract.weighted, verdict


@EVERY
def test_resume_is_exact(path, tmp_path):
    """Two epochs are one epoch and, in a new process that loads the file, one more."""
    tested, data = class_and_data(path)
    whole, half = (built(tested) for _ in range(2))

    fit(whole, *data, epochs=2)
    fit(half, *data)
    half.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(2)
    if half.get_compile_config() is None:  # It is built, and loads its weights.
        rest = built(tested)
        rest.load_weights(tmp_path / "model.keras")
    else:
        rest = keras.saving.load_model(tmp_path / "model.keras")
    fit(rest, *data)

    assert_same(values(whole.variables), values(rest.variables))
    assert_same(values(whole.optimizer.variables), values(rest.optimizer.variables))


@EVERY
def test_saved_model_is_whole(path, tmp_path):
    """`.keras` has all that training changes, and how the model was compiled."""
    tested, data = class_and_data(path)
    model = built(tested)
    names = optimizer_names(model)
    model.compile(**{name: "adam" for name in names}, jit_compile=False)
    fit(model, *data)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert type(model) is type(loaded) and loaded.compiled
    assert loaded.jit_compile is False
    for one in (model, loaded):
        one.reset_metrics()
    assert_same(values(model.variables), values(loaded.variables))
    assert_same(values(model.optimizer.variables), values(loaded.optimizer.variables))
    for name in ("get_config", "get_compile_config"):
        configs = [getattr(one, name)() for one in (model, loaded)]
        assert 1 == len({json.dumps(config, default=str) for config in configs})
    assert np.isclose(
        *(np.sum(model.predict(data[0], verbose=0)) for model in (model, loaded))
    )


#: What an optimizer can do in addition to its updates.
FEATURES = {
    "use_ema": lambda: keras.optimizers.Adam(1e-3, use_ema=True),
    "an average that overwrites": lambda: keras.optimizers.Adam(
        1e-3, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
    ),
    "weight decay": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.1),
    "clipnorm": lambda: keras.optimizers.Adam(1e-3, clipnorm=0.1),
    "global_clipnorm": lambda: keras.optimizers.SGD(1e-2, global_clipnorm=0.1),
    "gradient accumulation": lambda: keras.optimizers.Adam(
        1e-3, gradient_accumulation_steps=2
    ),
    "a schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(1e-3, 10)
    ),
    "loss scaling": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(1e-3)
    ),
    "Muon": lambda: keras.optimizers.Muon(1e-3),
}


def in_any_order(variables):
    """Returns the bytes of the values of variables, sorted."""
    return sorted(value.tobytes() for value in values(variables))


@pytest.mark.parametrize("feature", FEATURES)
@EVERY
def test_optimizer_features(path, feature, tmp_path):
    """Each optimizer has every feature, for its own network."""
    tested, data = class_and_data(path)
    model = built(tested)
    names = optimizer_names(model)
    model.compile(**{name: FEATURES[feature]() for name in names})
    model.fit(*data, batch_size=16, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    # Steps of Keras free averages that share memory with weights, but not a copy.
    numbers = loaded.evaluate(*data, verbose=0, return_dict=True)
    if type(model.optimizer).__name__ == "OptimizerGroup":  # It copies them.
        model.evaluate(*data, verbose=0)

    assert all(map(np.isfinite, numbers.values()))
    assert_same(values(model.optimizer.variables), values(loaded.optimizer.variables))
    assert all(0 < getattr(model, name).iterations for name in names)
    if "average" in feature or "ema" in feature:
        averages = [v for v in loaded.optimizer.variables if "average" in v.path]
        assert in_any_order(averages) == in_any_order(loaded.trainable_variables)


@pytest.mark.parametrize("first_rate", [1e-3, 0.0])
@EVERY
def test_rates_keep_their_ratio(path, first_rate):
    """A callback that sets the learning rate reaches every optimizer."""
    tested, data = class_and_data(path)
    model = built(tested)
    names = optimizer_names(model)
    rates = dict(zip(names, (first_rate, 4e-3), strict=False))
    model.compile(**{name: keras.optimizers.SGD(rates[name]) for name in names})
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 * epoch)
    model.fit(*data, epochs=2, callbacks=[schedule], verbose=0)

    ratios = [rates[name] / first_rate if first_rate else 1.0 for name in names]
    found = [float(getattr(model, name).learning_rate) for name in names]
    assert np.allclose(found, [0.5 * ratio for ratio in ratios])


@EVERY
def test_only_networks_have_weights(path, tmp_path):
    """Optimizers and seeds are not among the weights, and weights load on their own."""
    tested, data = class_and_data(path)
    model, other = built(tested), built(tested)
    before = [id(v) for v in model.weights]
    fit(model, *data)
    model.save_weights(tmp_path / "model.weights.h5")
    bare = type(other).from_config(other.get_config())
    bare.load_weights(tmp_path / "model.weights.h5")
    layers = {id(v) for layer in model.layers for v in layer.weights}
    counters = [v for v in model.weights if id(v) not in layers]

    assert before == [id(v) for v in model.weights]
    assert {"step_counter"} >= {v.name for v in counters}
    assert_same(values(model.weights), values(bare.weights))


@EVERY
def test_mixed_float16(path):
    """Weights move as in float32, nearly, under every optimizer.

    With SGD: Adam's steps are of the same size with a gradient that is not scaled.
    """
    tested, data = class_and_data(path)
    moved = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            model = built(tested)
        finally:
            keras.config.set_dtype_policy("float32")
        names = optimizer_names(model)
        model.compile(**{name: keras.optimizers.SGD(0.01) for name in names})
        for name in names:
            scaled = keras.optimizers.LossScaleOptimizer
            optimizer = getattr(model, name, model.optimizer)
            assert (policy == "mixed_float16") == isinstance(optimizer, scaled)
        before = values(model.trainable_variables)
        fit(model, *data)
        after = values(model.trainable_variables)
        moved.append([b - a for a, b in zip(before, after, strict=True)])

    sizes = [
        [float(np.mean(np.abs(change))) for change in changes] for changes in moved
    ]
    for exact, rough in zip(*sizes, strict=True):
        assert np.isfinite(rough)
        assert rough > 0.5 * exact


@EVERY
def test_data_parallel(path):
    """Spread over four devices, a model learns what it learns on one."""
    tested, data = class_and_data(path)
    alone = built(tested)
    logs = fit(alone, *data, batch_size=16)
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        model = built(tested)
        spread = fit(model, *data, batch_size=16)
        results = model.evaluate(*data, batch_size=16, verbose=0, return_dict=True)
    finally:
        keras.distribution.set_distribution(None)

    for name in logs:
        np.testing.assert_allclose(logs[name], spread[name], rtol=1e-3, atol=1e-4)
    assert all(map(np.isfinite, results.values()))


@OPTIONS_TOO
def test_all_ways_in(path):
    """All methods take the same data, and a smaller last batch."""
    tested, data = class_and_data(path)
    model = built(tested)
    history = model.fit(*data, epochs=2, validation_data=data, verbose=0).history
    results = model.evaluate(*data, verbose=0, return_dict=True)

    assert all(np.isfinite(numbers).all() for numbers in history.values())
    assert {f"val_{name}" for name in results} <= {*history}
    assert np.isfinite(model.evaluate(*data, verbose=0)).all()
    rows = len(keras.tree.flatten(data[0])[0])
    assert 0 < rows % 32 < rows
    assert rows == len(keras.tree.flatten(model.predict(data[0], verbose=0))[0])
    # The last batch of `fit()` was as small: nothing is compiled again.
    small = keras.tree.map_structure(lambda array: array[: rows % 32], data)
    assert np.isfinite(keras.tree.flatten(model.train_on_batch(*small))).all()
    assert np.isfinite(keras.tree.flatten(model.test_on_batch(*small))).all()


@EVERY
def test_weights_are_refused(path):
    """Weights that reach a step are refused, because it would not use them."""
    tested, data = class_and_data(path)
    weights = np.ones(len(keras.tree.flatten(data[0])[0]), "float32")
    # Keras itself drops weights that come without targets.
    data = data if len(data) == 2 else (*data, weights)
    for method in ("train_on_batch", "test_on_batch", "fit", "evaluate"):
        with pytest.raises(ValueError, match="does not use sample weights"):
            getattr(built(tested), method)(*data, sample_weight=weights)


@EVERY
def test_objectives_are_refused(path):
    """Losses and metrics that nothing would use are not dropped in silence."""
    model = built(find_class(str(path)))
    for argument in ({"loss": "mse"}, {"metrics": ["mae"]}):
        with pytest.raises(ValueError, match="losses and metrics of its own"):
            model.compile(**argument)


#: The most lines that a file may have, so that plumbing does not hide the algorithm.
LENGTHS = {
    "custom": 280,
    "diffusion": 580,
    "distillation": 392,
    "finetuning": 480,
    "gan": 505,
    "mean-teacher": 450,
    "simclr": 560,
    "vae": 442,
    "wgan-gp": 575,
}


@OPTIONS_TOO
def test_file_length(path):
    """A file is short enough to read. An option may add a few lines."""
    more = {"plain": 0, "conditional": 55, "feature_weight_0_99": 80, "lora_rank_4": 80}
    more |= {
        "adversaries": 110,
        "average": 50,
        "fullest": 245,
        "fuse_steps": 460,
        "fused": 460,
        "transformation": 70,
    }
    more = more.get(path.stem, 30)
    allowed = LENGTHS[path.parent.name] + more
    assert text(GOLDENS[path]).count("\n") <= allowed


def test_length_of_the_fullest_class():
    """The class with the most parts and its demo have at most 350 lines."""
    [(path, spec)] = [
        (path, spec) for path, spec in GOLDENS.items() if path.stem == "fullest"
    ]
    tree = ast.parse(text(spec))
    shown = [
        node
        for node in tree.body
        if getattr(node, "name", "") == spec.class_name or isinstance(node, ast.If)
    ]

    # The first two conditions check the backend.
    assert 350 >= sum(node.end_lineno - node.lineno + 1 for node in shown[2:])


@OPTIONS_TOO
def test_algorithm_comes_first(path):
    """Networks, losses and steps come first, then what users call, then plumbing."""
    tree = ast.parse(text(GOLDENS[path]))
    top = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    [cls] = [n for n in tree.body if getattr(n, "name", "") == GOLDENS[path].class_name]
    methods = [node.name for node in cls.body if isinstance(node, ast.FunctionDef)]

    networks, rest = top[: top.index(cls.name)], top[top.index(cls.name) + 1 :]
    assert networks and all(name.startswith("build_") for name in networks)
    assert rest[0] == "build_model" and "StepState" in rest
    steps = [name for name in methods if name in ("train_step", "test_step", "call")]
    losses = [name for name in methods if name.endswith("_loss")]
    plumbing = methods[methods.index("compile") :]
    assert methods[0] == "__init__" and losses
    assert steps == ["train_step", "test_step", "call"]
    assert max(map(methods.index, losses)) < methods.index("train_step")
    assert plumbing == [
        "compile",
        "metrics",
        "get_config",
        "from_config",
        "own_variables",
        "save_own_variables",
        "load_own_variables",
        "get_compile_config",
        "compile_from_config",
    ]


def test_every_option_changes_the_code():
    """No option of a recipe is ignored."""
    for recipe in {spec.recipe for spec in GOLDENS.values()}:
        for option in own_options(recipe):
            example, needed = EXAMPLES.get(option.name, (None, {}))
            plain = Spec(recipe=recipe, **needed)
            default = text(plain).split("\n")[1:-2]
            others = [v for v in option.choices or (True,) if v != option.default]
            if option.type in (int, float):
                others = [
                    option.type(0.5 * option.default)
                    or {int: 3, float: 0.5}[option.type]
                ]
            for value in others if example is None else [example]:
                spec = replace(plain, **{option.name: value})
                assert text(spec).split("\n")[1:-2] != default, option.flag


def test_every_recipe_is_here():
    """A recipe has data to verify it with, and a plain loop that it is held against."""
    from pathlib import Path

    for recipe in {spec.recipe for spec in GOLDENS.values()}:
        module = recipe.replace("-", "_")

        assert import_alone(example_path(recipe)).data
        check = (Path(__file__).parent / f"test_{module}.py").read_text("utf-8")
        assert "def test_five_steps_equal_a_plain_loop(" in check
