"""Training steps for TensorFlow's GradientTape equal the recipes, and mistakes show.

`tests/originals/` holds steps as people write them for TensorFlow. Each is compared
with the class that kscaffold generates for the same algorithm.
"""

import subprocess
from pathlib import Path

import pytest
from json_outputs import parsed
from test_environments import ROOT, environ, fresh

from scaffold import Spec, render
from scaffold.recipes import DEFAULT_RECIPE, recipe_names

ORIGINALS = Path(__file__).parent / "originals"
NOISE = "keras.random.normal(mean.shape, seed=self.seed_generator)"
TF_NOISE = """keras.random.normal(
                shape=tf.shape(z_mean), seed=self.seed_generator
            )"""

#: Trains each recipe on batches of `tf.data`, exports it, and compares predictions.
EXPORT = """
import importlib
import sys

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
labels = rng.integers(10, size=8).astype("int32")
for recipe in sys.argv[1:]:
    shape = (8,) if recipe == "custom" else (8, 8, 1)
    images = rng.uniform(size=(8, *shape)).astype("float32")
    model = importlib.import_module(f"{recipe}_recipe").build_model()
    batches = images, labels
    if recipe in ("simclr", "mean-teacher"):
        batches = {"labelled": images, "unlabelled": images}, labels
    if recipe == "custom":
        batches = (images,)
    model.fit(tf.data.Dataset.from_tensor_slices(batches).batch(4), verbose=0)
    spec = [keras.InputSpec(shape=(None, *shape), dtype="float32")]
    inputs = images
    if recipe in ("gan", "diffusion"):  # The model takes labels as an input.
        spec = [[*spec, keras.InputSpec(shape=(None,), dtype="int32")]]
        inputs = [images, labels]
    model.export(f"{recipe}_saved", verbose=False, input_signature=spec)
    loaded = tf.saved_model.load(f"{recipe}_saved")
    predictions = model.predict(inputs, verbose=0)
    assert np.allclose(loaded.serve(inputs), predictions, atol=1e-5), recipe
"""


@pytest.mark.environments
def test_tensorflow(tmp_path):
    """A GAN, a VAE and a distiller are equal, and what breaks a port is found."""
    python = fresh(tmp_path / "venv", "-e", f"{ROOT}[jax]", "tensorflow-cpu")

    # Most of a comparison is compiling the small programs of eager execution.
    env = environ(tmp_path / "compiled")

    def verify(recipe, original, port_edit=("", ""), original_edit=("", "")):
        """Returns the exit status and the verdicts by their names."""
        # The original VAE evaluates the mean.
        options = {"evaluation": "mean"} if recipe == "vae" else {}
        [file] = render(Spec(recipe=recipe, **options), "port.py")
        source = (ORIGINALS / original).read_text("utf-8")
        for name, text, (before, after) in (
            ("port.py", file.text, port_edit),
            ("original.py", source, original_edit),
        ):
            assert before in text
            text = text.replace(before, after) if before else text
            (tmp_path / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [python, "-m", "scaffold", "verify", "port.py", "--json"]
            + ["--against", "original.py", "--against-backend", "tensorflow"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stderr
        cases = parsed(done.stdout, "verify-1")["cases"]
        return done.returncode, {case["name"]: case for case in cases}

    # The same environment exports each recipe, and trains it on a data set.
    recipes = [recipe for recipe in recipe_names() if recipe != DEFAULT_RECIPE]
    for recipe in recipes:
        options = {"conditional": True} if recipe in ("gan", "diffusion") else {}
        [file] = render(Spec(recipe=recipe, **options), "recipe.py")
        (tmp_path / f"{recipe}_recipe.py").write_text(file.text, encoding="utf-8")
    done = subprocess.run(
        [python, "-c", EXPORT, *recipes],
        cwd=tmp_path,
        env=env | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr

    for recipe, original in (
        ("gan", "tf_gan.py"),
        ("vae", "tf_vae.py"),
        ("distillation", "tf_distiller.py"),
    ):
        status, found = verify(recipe, original)
        assert 0 == status, found
        for name in "train steps", "optimizers", "evaluation":
            assert "close" == found[name]["outcome"]

    # What each mistake shows: the check, its outcome, a part of its detail and cause.
    loss, draws, differs = "train steps", "random numbers", "differs"
    grads = "grads, self.state_mapping = grad_fn(self.read(variables))"
    temperature = "keras.ops.mean(losses) * self.temperature**2"
    for (recipe, original, *edits), (check, outcome, detail, cause) in (
        (
            ("gan", "tf_gan.py", ("softplus(generated", "softplus(-generated")),
            (loss, differs, "step 1, log discriminator_loss", "labels"),
        ),
        (
            ("vae", "tf_vae.py", (grads, f"{grads}; grads = [-g for g in grads]")),
            (loss, differs, "step 1, weight encoder/", "opposite sign"),
        ),
        (
            ("vae", "tf_vae.py", ("sum(divergences", "mean(divergences")),
            (loss, differs, "step 1, log kl_loss", "1/8 times"),
        ),
        (
            (
                ("vae", "tf_vae.py", ("", ""))
                + (("tf.square(z_mean)", "tf.square(tf.stop_gradient(z_mean))"),)
            ),
            (loss, differs, "step 1, weight encoder/", "stopped"),
        ),
        (
            (
                ("distillation", "tf_distiller.py")
                + ((temperature, "keras.ops.mean(losses)"),)
            ),
            (loss, differs, "step 1, log soft_loss", "1/16 times"),
        ),
        (
            (
                "vae",
                "tf_vae.py",
                (NOISE, "jax.random.normal(jax.random.key(0), mean.shape)"),
            ),
            (draws, "not comparable", "the port draws from jax.random.normal()", ""),
        ),
        (
            (
                ("vae", "tf_vae.py", ("", ""))
                + ((TF_NOISE, "tf.random.normal(tf.shape(z_mean))"),)
            ),
            (
                draws,
                "not comparable",
                "draws from TensorFlow's RandomStandardNormal",
                "",
            ),
        ),
    ):
        status, found = verify(recipe, original, *edits)
        verdict = found[check]
        assert 1 == status
        assert outcome == verdict["outcome"]
        assert detail in verdict["detail"]
        assert cause in verdict["cause"] + verdict["fix"]
