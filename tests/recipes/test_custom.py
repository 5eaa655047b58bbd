"""Algorithms of all kinds start from `--recipe custom` and equal other programs."""

import inspect
import re
import runpy
import shlex
import sys
import textwrap
import types
from pathlib import Path

import custom_algorithms
import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
from click.testing import CliRunner
from custom_algorithms import RECIPES, Algorithm
from loops import Adam, assert_close, assert_same, fit, load, running_means, values
from matrix import text

from scaffold import Spec
from scaffold.cli import main
from scaffold.header import parse_header

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "recipes" / "custom.md").read_text("utf-8")
SIZE, CLASSES, BATCH = 6, 3, 8


def put_in(code: str, losses: dict[str, str]) -> str:
    """Replaces the example of a loss in each method."""
    for method, lines in losses.items():
        lines = textwrap.indent(textwrap.dedent(lines).strip("\n "), " " * 8)
        example = (
            rf"(    def {method}\((?:(?!\n    def ).)*?)"
            rf"        # Put your loss here\.(?:(?!\n    def ).)*?"
            rf"(?=\n        self\.{method}_tracker)"
        )
        code, count = re.subn(
            example,
            lambda match, lines=lines: match[1] + lines,
            code,
            flags=re.DOTALL,
        )
        assert 1 == count, method
    return code


def written(algorithm: Algorithm) -> type:
    """Returns the class of an algorithm, with its losses put in."""
    code = put_in(text(Spec(recipe="custom", **algorithm.options)), algorithm.losses)
    module = sys.modules["custom_parts"] = types.ModuleType("custom_parts")
    exec(code, module.__dict__)
    return module.CustomModel


def dense(size, outputs, *, batch_norm=False):
    """Builds a small network."""
    layers = [keras.Input((size,)), keras.layers.Dense(5, activation="tanh")]
    layers += [keras.layers.BatchNormalization(momentum=0.9)] * batch_norm
    return keras.Sequential([*layers, keras.layers.Dense(outputs)])


def augmenter():
    """Builds a network that adds noise."""
    noise = keras.layers.GaussianNoise(0.2, seed=3)
    return keras.Sequential([keras.Input((SIZE,)), noise])


def denoiser():
    """Builds a small network from rows of numbers and their times."""
    rows, times = keras.Input((SIZE,)), keras.Input((1,))
    hidden = keras.layers.Concatenate()([rows, times])
    hidden = keras.layers.Dense(5, activation="tanh")(hidden)
    return keras.Model([rows, times], keras.layers.Dense(SIZE)(hidden))


#: The networks of each recipe, in the order of its class and of the custom class, and
#: the arguments of both classes.
NETWORKS = {
    "diffusion": (
        lambda: [denoiser()],
        {"timesteps": 4, "ema_decay": 0.7, "seed": 5},
        {"ema_decay": 0.7, "seed": 5},
    ),
    "gan": (
        lambda: [dense(3, SIZE, batch_norm=True), dense(SIZE, 1, batch_norm=True)],
        {"latent_size": 3, "seed": 5},
        {"seed": 5},
    ),
    "wgan-gp": (
        lambda: [dense(3, SIZE), dense(SIZE, 1)],
        {"latent_size": 3, "seed": 5},
        {"seed": 5},
    ),
    "vae": (
        lambda: [dense(SIZE, 4), dense(2, SIZE)],
        {"latent_size": 2, "seed": 5},
        {"seed": 5},
    ),
    "simclr": (
        lambda: [dense(SIZE, 4, batch_norm=True), dense(4, 3), dense(4, CLASSES)]
        + [augmenter()],
        {"temperature": 0.5},
        {},
    ),
    "mean-teacher": (
        lambda: [dense(SIZE, CLASSES, batch_norm=True), augmenter()],
        {"ema_decay": 0.7, "ramp_up_steps": 0},
        {"ema_decay": 0.7},
    ),
    "distillation": (
        lambda: [dense(SIZE, CLASSES, batch_norm=True), dense(SIZE, CLASSES)],
        {},
        {},
    ),
}


def data(inputs: str) -> tuple:
    """Returns five batches and a smaller one, for `fit()`."""
    rng = np.random.default_rng(0)
    x, others = rng.uniform(size=(2, 5 * BATCH + 4, SIZE)).astype("float32")
    labels = rng.integers(CLASSES, size=len(x)).astype("int32")
    if inputs == "streams":
        return {"labelled": x, "unlabelled": others}, labels
    return (x, labels) if inputs == "xy" else (x,)


@pytest.mark.parametrize("algorithm", RECIPES, ids=lambda algorithm: algorithm.recipe)
def test_parts_equal_the_recipe(algorithm):
    """With the losses put in, weights and losses are the recipe's to 1e-6."""
    build, arguments, own_arguments = NETWORKS[algorithm.recipe]
    recipe = Spec(recipe=algorithm.recipe)
    reference = getattr(load(algorithm.recipe), recipe.class_name)
    models, logs = [], []
    for cls, given in ((reference, arguments), (written(algorithm), own_arguments)):
        keras.utils.set_random_seed(0)
        model = cls(*build(), **given)
        names = [n for n in inspect.signature(cls.compile).parameters if "opt" in n]
        rates = {"generator_optimizer": 1e-2, "contrastive_optimizer": 1e-2}
        model.compile(
            **{n: keras.optimizers.Adam(rates.get(n, 3e-3), 0.5) for n in names}
        )
        models.append(model)
        inputs = algorithm.options.get("inputs", "x")
        logs.append(fit(model, *data(inputs), batch_size=BATCH))

    if "noise_loss" in logs[0]:  # The parts name a single loss as Keras does.
        logs[0]["loss"] = logs[0].pop("noise_loss")
    same = {*logs[0]} & {*logs[1]}
    assert same == {*logs[1]}
    for name in same:
        assert_close(logs[0][name], logs[1][name])
    ours, theirs = (
        [values(network_of(model, part).variables) for part in parts(algorithm)]
        for model in models
    )
    assert_close(ours, theirs)
    keras.utils.set_random_seed(0)
    before = values(build()[0].trainable_variables)
    after = values(getattr(models[1], parts(algorithm)[0]).trainable_variables)
    assert all(np.any(old != new) for old, new in zip(before, after, strict=True))


def network_of(model, part):
    """Returns a network by its name in the parts. Diffusion has another name for it."""
    return getattr(model, part, None) or getattr(
        model, part.replace("denoiser", "network")
    )


def parts(algorithm: Algorithm) -> list[str]:
    """Lists the networks whose weights can change."""
    options = algorithm.options
    averages = [word.split("=")[0] for word in options.get("average", ())]
    return [*options["network"], *averages]


def run(weights, x):
    """Runs a small network by its equations."""
    first, shift, kernel, bias = weights
    return jnp.tanh(x @ first + shift) @ kernel + bias


def byol(model, x):
    """Trains by the equations of BYOL (Grill et al., 2020, arXiv:2006.07733)."""
    weights = [
        values(net.trainable_variables) for net in (model.online, model.predictor)
    ]
    target = values(model.target.weights)
    adam, seeds, losses = Adam(weights, 1e-3), keras.random.SeedGenerator(5), []

    def loss_fn(weights, target, views):
        total = 0.0
        for view, other in (views, views[::-1]):
            p, z = run(weights[1], run(weights[0], view)), run(target, other)
            cosines = jnp.sum(p * z, axis=1) / (
                jnp.linalg.norm(p, axis=1) * jnp.linalg.norm(z, axis=1)
            )
            total += jnp.mean(2 - 2 * cosines)
        return total

    for step, start in enumerate(range(0, 5 * BATCH, BATCH)):
        batch = x[start : start + BATCH]
        views = batch + 0.1 * keras.random.normal((2, *batch.shape), seed=seeds)
        loss, grads = jax.value_and_grad(loss_fn)(weights, target, views)
        weights = adam.step(weights, grads)
        decay = min(0.7, 1 - 1 / (step + 2))
        target = [
            decay * old + (1 - decay) * new
            for old, new in zip(target, weights[0], strict=True)
        ]
        losses.append(loss)
    return [*weights, target], losses


def pinn(model, x, y, points):
    """Trains by the residual of u'' + 4 u = 0, and by values."""
    weights = values(model.u.trainable_variables)
    adam, losses = Adam(weights, 1e-2), []

    def u(weights, point):
        return run(weights, jnp.reshape(point, (1, 1)))[0, 0]

    def loss_fn(weights, x, y, points):
        curvature = jax.vmap(jax.grad(jax.grad(u, argnums=1), argnums=1), (None, 0))
        residual = curvature(weights, points[:, 0]) + 4 * run(weights, points)[:, 0]
        return jnp.mean((run(weights, x) - y) ** 2) + jnp.mean(residual**2)

    for start in range(0, 5 * BATCH, BATCH):
        rows = slice(start, start + BATCH)
        loss, grads = jax.value_and_grad(loss_fn)(
            weights, x[rows], y[rows], points[rows]
        )
        weights = adam.step(weights, grads)
        losses.append(loss)
    return [weights], losses


def test_five_steps_equal_a_plain_loop():
    """BYOL and a PINN equal their equations in JAX, which share no code with them."""
    x = data("x")[0][: 5 * BATCH]
    keras.utils.set_random_seed(0)
    cls = written(custom_algorithms.BYOL)
    model = cls(dense(SIZE, 4), dense(4, 4), ema_decay=0.7, seed=5)
    model.compile(keras.optimizers.Adam(1e-3))
    weights, losses = byol(model, x)
    logs = fit(model, x, batch_size=BATCH)

    networks = model.online, model.predictor, model.target
    assert_close([values(network.weights) for network in networks], weights)
    assert_close(logs["loss"][:, None], running_means(np.array(losses)[:, None]))

    points, edges = x[:, :1], x[:, 1:2]
    y = np.sin(2 * edges)
    keras.utils.set_random_seed(0)
    model = written(custom_algorithms.PINN)(dense(1, 1))
    model.compile(keras.optimizers.Adam(1e-2))
    weights, losses = pinn(model, edges, y, points)
    logs = fit(model, {"labelled": edges, "unlabelled": points}, y, batch_size=BATCH)

    assert_close([values(model.u.weights)], weights)
    assert_close(logs["loss"][:, None], running_means(np.array(losses)[:, None]))
    assert np.isfinite(model.evaluate(edges, y, verbose=0))


def with_optax(**options):
    """Returns the class of a student whose optimizer may come from Optax."""
    losses = {"student_loss": "loss = keras.ops.mean((self.student(x) - y) ** 2)"}
    parts = {"network": ("student",), "inputs": "xy", "optax": True, **options}
    return written(Algorithm(options=parts, losses=losses))


def transformation():
    """Clips, decays weights, and follows a schedule."""
    rate = optax.linear_schedule(1e-2, 1e-3, 4)
    return optax.chain(
        optax.clip_by_global_norm(0.5), optax.adamw(rate, weight_decay=0.1)
    )


#: A class with one optimizer, and one that has another optimizer of Keras.
ALONE = {}
IN_A_GROUP = {
    "network": ("student", "judge"),
    "optimizer": ("student=student", "judge=judge"),
}


@pytest.mark.parametrize("options", [ALONE, IN_A_GROUP], ids=["alone", "group"])
@pytest.mark.parametrize("fuse_steps", [False, True])
def test_optax_equals_its_own_loop(options, fuse_steps):
    """A transformation of Optax changes weights as in a loop of Optax's, to 1e-6."""
    x, y = data("xy")
    y = np.eye(CLASSES, dtype="float32")[y]
    keras.utils.set_random_seed(0)
    cls = with_optax(**options, fuse_steps=fuse_steps)
    model = cls(*(dense(SIZE, CLASSES) for _ in options.get("network", "a")))
    weights = values(model.student.weights)
    model.compile(student_optimizer=transformation(), steps_per_execution=3)
    fit(model, x, y, batch_size=BATCH)

    optimizer = transformation()
    state = optimizer.init(weights)
    for start in range(0, len(x), BATCH):
        rows = slice(start, start + BATCH)
        grads = jax.grad(lambda w, x, y: jnp.mean((run(w, x) - y) ** 2))(
            weights, x[rows], y[rows]
        )
        updates, state = optimizer.update(grads, state, weights)
        weights = optax.apply_updates(weights, updates)
    assert_close([values(model.student.weights)], [weights])
    assert 6 == model.student_optimizer.iterations


@pytest.mark.parametrize("options", [ALONE, IN_A_GROUP], ids=["alone", "group"])
def test_optax_resumes(options, tmp_path):
    """After `load_weights()`, the training goes on exactly, with the state of Optax."""
    x, y = data("xy")
    y = np.eye(CLASSES, dtype="float32")[y]
    cls = with_optax(**options)

    def built():
        keras.utils.set_random_seed(0)
        model = cls(*(dense(SIZE, CLASSES) for _ in options.get("network", "a")))
        model.compile(student_optimizer=transformation())
        return model

    whole, half, rest, other = (built() for _ in range(4))
    fit(whole, x, y, epochs=2)
    fit(half, x, y)
    half.save(tmp_path / "half.keras")
    half.save_weights(tmp_path / "half.weights.h5")
    for model, name in ((rest, "half.keras"), (other, "half.weights.h5")):
        model.load_weights(tmp_path / name)
        fit(model, x, y)

        assert_same(values(whole.variables), values(model.variables))
        ours, theirs = (values(m.student_optimizer.variables) for m in (whole, model))
        assert_same(ours, theirs)
    assert not keras.saving.load_model(tmp_path / "half.keras").compiled


def test_optax_with_scaled_losses():
    """Under `mixed_float16`, Keras's scaling of the loss works around Optax."""
    x, y = data("xy")
    y = np.eye(CLASSES, dtype="float32")[y]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        keras.utils.set_random_seed(0)
        model = with_optax()(dense(SIZE, CLASSES))
        model.compile(student_optimizer=transformation())
        before = model.evaluate(x, y, verbose=0)
        fit(model, x, y, epochs=5)
    finally:
        keras.config.set_dtype_policy(policy)

    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.evaluate(x, y, verbose=0) < before


EXAMPLES = re.findall(r"^kscaffold (new \w+\.py .*)$", PAGE, re.MULTILINE)


def test_page_has_six_examples():
    """The page has six commands, and the first is for two networks with noise."""
    assert 6 == len({*EXAMPLES})
    assert EXAMPLES[0] == (
        "new gan2.py --recipe custom --network generator --network discriminator "
        "--optimizer g=generator --optimizer d=discriminator --noise"
    )


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda words: words.split()[1])
def test_example_of_the_page(command, tmp_path, monkeypatch):
    """It writes a file that trains: the loss on test data falls below half."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, shlex.split(command))
    assert 0 == result.exit_code, result.output
    keras.utils.clear_session(free_memory=False)
    ran = runpy.run_path(shlex.split(command)[1], run_name="__main__")
    trained, untrained = ran["results"].values()

    assert trained < untrained / 2


def test_update_adds_a_network(tmp_path, monkeypatch):
    """A network, an average and an option come in, and the edited losses stay."""
    monkeypatch.chdir(tmp_path)
    options = "--network student --optimizer student=student"
    CliRunner().invoke(main, ["new", "a.py", "--recipe", "custom", *options.split()])
    path = tmp_path / "a.py"
    edited = put_in(path.read_text("utf-8"), {"student_loss": "\n".join(MINE)})
    path.write_text(edited, "utf-8")
    more = (
        "--network student --network judge --average teacher=student "
        "--optimizer student=student --optimizer judge=judge --noise"
    )
    result = CliRunner().invoke(main, ["update", "a.py", *more.split()])

    assert 0 == result.exit_code, result.output
    updated = path.read_text("utf-8")
    assert all(line in updated for line in MINE[1:])
    assert ("student", "judge") == parse_header(updated).spec.network
    module = sys.modules["updated_parts"] = types.ModuleType("updated_parts")
    exec(updated, module.__dict__)
    model = module.build_model()
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
    history = model.fit(x, verbose=0).history
    assert {"student_loss", "judge_loss"} == {*history}
    assert 0 == CliRunner().invoke(main, ["check", "a.py"]).exit_code


#: A loss that a user has written.
MINE = (
    "outputs = self.student(x, training=training)",
    "errors = keras.ops.abs(outputs - x)",
    "loss = keras.ops.mean(errors)  # Mine.",
)
