"""`--gradient-hook` and `--augment`: exact until edited, and right once they are."""

import re
import textwrap
import types
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import jax
import keras
import numpy as np
import pytest
from matrix import CHOICES, HOOKS, text

from scaffold import Spec
from scaffold.verify.checks import run
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.contract.invariant_list import INVARIANTS
from scaffold.verify.hooks import edited_hooks
from scaffold.verify.parity.case import Case
from scaffold.verify.parity.case_list import CASES
from scaffold.verify.parity.check import check_case, not_applicable

PAGE = (Path(__file__).parent.parent / "docs" / "hooks.md").read_text("utf-8")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(72, 8)).astype("float32")
Y = (X @ RNG.normal(size=(8, 1))).astype("float32")

CLIP = "return [keras.ops.clip(g, -0.1, 0.1) for g in gradients]"
NOISE = "return x + jax.random.normal(key, x.shape), y"


def edited(change: str = "", augment: str = "", init: str = "", **options) -> type:
    """Returns a generated class with code in its hooks and its constructor."""
    spec = Spec(**{**HOOKS, **options})
    code = text(spec)
    for code_of, old in ((change, "return gradients"), (augment, "return x, y")):
        if code_of:
            new = textwrap.indent(textwrap.dedent(code_of).strip(), " " * 8)
            assert code.count(f"        {old}\n") == 1
            code = code.replace(f"        {old}\n", f"{new}\n")
    if init:
        constructor = (
            "    def __init__(self, *args, **kwargs):\n"
            "        super().__init__(*args, **kwargs)\n"
            f"        {init}\n\n"
        )
        code = code.replace("    def augment(", f"{constructor}    def augment(", 1)
    module = types.ModuleType("edited")
    exec(compile(code, "edited.py", "exec"), module.__dict__)
    return getattr(module, spec.class_name)


def built(cls: type, optimizer=None, policy="float32", **settings):
    """Returns a compiled model."""
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(4, activation="tanh")(inputs)
    outputs = keras.layers.Dense(1, dtype="float32")(hidden)
    model = cls(inputs, outputs)
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss="mse", **settings)
    return model


def trained(cls: type, optimizer=None, **settings):
    """Returns the model and its history, after two epochs."""
    model = built(cls, optimizer, **settings)
    history = model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return model, history.history


def assert_equal(expected, found, **tolerance):
    """Compares the weights of two models."""
    for a, b in zip(expected.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, **{"rtol": 0, **tolerance})


@pytest.fixture(autouse=True)
def restored_policy():
    """Restores the dtype policy."""
    yield
    keras.config.set_dtype_policy("float32")


def pairs() -> list:
    """Lists the cases, each with a class of another style."""
    styles, found = cycle(CHOICES["style"]), []
    for case in CASES:
        task = "multiclass" if case.needs == "sparse" else "regression"
        for _ in CHOICES["style"]:
            spec = Spec(task=task, style=next(styles), sample_weight=True, **HOOKS)
            if not not_applicable(case, generated_class(spec)):
                marks = [] if case.quick else [pytest.mark.exhaustive]
                found.append(pytest.param(case, spec, id=case.name, marks=marks))
                break
    return found


@pytest.mark.parametrize(("case", "spec"), pairs())
def test_unedited(case, spec):
    """Hooks that are not edited change no bit."""
    verdict = check_case(case, generated_class(spec))

    assert ("exact", "keras.Model") == (verdict.outcome, verdict.compared_with)


@pytest.mark.parametrize("factor", [3.0, 0.7])
def test_any_loss_scale(factor):
    """The scale of the loss need not be a power of two."""
    case = Case(
        "a loss scale",
        "precision",
        compile=lambda: {"optimizer": keras.optimizers.Adam(loss_scale_factor=factor)},
    )

    assert "exact" == check_case(case, generated_class(Spec(**HOOKS))).outcome


@pytest.mark.exhaustive
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
@pytest.mark.usefixtures("plain_compiler")
def test_invariants(invariant):
    """Hooks that clip and add noise break no invariant, with fused steps as well."""
    cls = edited(CLIP, NOISE, fuse_steps=True, sample_weight=True)
    spec = Spec(fuse_steps=True, sample_weight=True, **HOOKS)
    tested = replace(generated_class(spec), load=lambda: cls)

    assert "holds" == check_invariant(invariant, tested).outcome


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_unscaled(policy):
    """The hook gets gradients without a scale: clipping equals the optimizer's."""
    optimizer = keras.optimizers.SGD(0.1, clipvalue=0.1)
    expected, _ = trained(keras.Model, optimizer, policy=policy)

    found, _ = trained(edited(CLIP), policy=policy)

    is_scaled = isinstance(found.optimizer, keras.optimizers.LossScaleOptimizer)
    assert ("mixed_float16" == policy) == is_scaled
    assert_equal(expected, found, atol=1e-7)
    unclipped, _ = trained(keras.Model, policy=policy)
    assert np.abs(unclipped.get_weights()[0] - found.get_weights()[0]).max() > 1e-3


def test_changes_by_variable():
    """Variables are at hand, with their values: decay equals the optimizer's."""
    decay = "return [g + 0.1 * v for g, v in zip(gradients, self.trainable_variables)]"
    model = built(keras.Model)
    regularized = keras.models.clone_model(model)
    for layer in regularized.layers[1:]:
        layer.kernel_regularizer = layer.bias_regularizer = keras.regularizers.L2(0.05)
    expected = keras.models.model_from_json(regularized.to_json())
    expected.set_weights(model.get_weights())
    expected.compile(keras.optimizers.SGD(0.1), loss="mse")
    expected.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)

    found, _ = trained(edited(decay))

    assert_equal(expected, found, atol=1e-6)


def test_overflow():
    """A step whose gradients overflow is skipped, whatever the hook returns."""
    ones = "return [keras.ops.ones_like(g) for g in gradients]"
    model = built(edited(ones), policy="mixed_float16")
    start = model.get_weights()

    model.train_on_batch(X * 60000, Y)
    skipped = model.get_weights()
    for _ in range(40):  # The scale falls until nothing overflows.
        model.train_on_batch(X, Y)

    assert all(map(np.array_equal, start, skipped))
    assert not np.array_equal(start[0], model.get_weights()[0])


def test_metrics_of_the_hook():
    """A metric that the hook updates is logged, and is the norm of the gradients."""
    init = 'self.norm_tracker = keras.metrics.Mean("gradient_norm")'
    change = """
        norm = keras.ops.sqrt(sum(keras.ops.sum(g**2) for g in gradients))
        self.norm_tracker.update_state(norm)
        return gradients
    """
    model = built(edited(change, init=init), keras.optimizers.SGD(0.1))
    start = model.get_weights()

    logs = model.train_on_batch(X, Y, return_dict=True)

    moved = [(a - b) / 0.1 for a, b in zip(start, model.get_weights(), strict=True)]
    norm = np.sqrt(sum(np.sum(change**2) for change in moved))
    np.testing.assert_allclose(logs["gradient_norm"], norm, rtol=1e-4)


def test_augment_only_trains():
    """Evaluation and prediction do not augment."""
    model, history = trained(edited(augment=NOISE))
    plain = built(keras.Model)
    plain.set_weights(model.get_weights())

    assert plain.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(
        plain.predict(X, verbose=0), model.predict(X, verbose=0)
    )
    assert history != trained(keras.Model)[1]


def test_keys():
    """Each step has a key of its own, made of the seed and the number of the step."""
    key = "return x * 0 + jax.random.uniform(key), y * 0"
    cls = edited(augment=key)
    model = built(cls, keras.optimizers.SGD(0.0))
    weights = model.get_weights()

    losses = []
    for _ in range(3):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(X, Y)))

    plain = built(keras.Model)
    plain.set_weights(weights)
    for step, loss in enumerate(losses):
        number = jax.random.uniform(jax.random.fold_in(jax.random.key(0), step))
        expected = np.mean(plain.predict(X * 0 + float(number), verbose=0) ** 2)
        np.testing.assert_allclose(loss, expected, rtol=1e-4)
    cls.augmentation_seed = 5
    other = built(cls, keras.optimizers.SGD(0.0))
    assert losses[0] != float(other.train_on_batch(X, Y))


def test_resume(tmp_path):
    """A saved and loaded model continues with the next key."""
    cls = keras.saving.register_keras_serializable("hooks")(edited(CLIP, NOISE))
    expected, _ = trained(cls)
    model = built(cls)
    arguments = {"batch_size": 16, "shuffle": False, "verbose": 0}
    model.fit(X, Y, **arguments)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(X, Y, **arguments)

    assert_equal(expected, loaded)


def test_fused():
    """Fused steps give each step its key."""
    expected, _ = trained(edited(CLIP, NOISE))

    found, _ = trained(edited(CLIP, NOISE, fuse_steps=True), steps_per_execution=3)

    assert_equal(expected, found, atol=1e-6)


def examples() -> list[tuple[str, str, str]]:
    """Lists the code on the page: for the constructor, `augment()`, and gradients."""
    found, init = [], ""
    for block in re.findall("```python\n(.*?)```", PAGE, re.DOTALL):
        place, code = block.split("\n", 1)
        if "__init__" in place:
            init = code.strip()
        else:
            found.append((place.removeprefix("# "), code, init))
            init = ""
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda e: e[1].split("\n")[0])
def test_examples(example):
    """The code on the page trains."""
    place, code, init = example
    cls = edited(**{{"change_gradients": "change"}.get(place, place): code}, init=init)

    model, history = trained(cls)

    assert history["loss"][1] < history["loss"][0]
    assert [place] == edited_hooks(cls)
    weights = trained(keras.Model)[0].get_weights()
    assert not np.array_equal(weights[0], model.get_weights()[0])
    assert ("gradient_norm" in history) == ("norm_tracker" in init)


def test_verify_leaves_out_edited_hooks():
    """Edited hooks are no mistake, and a mistake beside them is found."""
    cls = edited(CLIP, NOISE)
    tested = replace(generated_class(Spec(**HOOKS)), load=lambda: cls)
    case = next(case for case in CASES if case.name == "plain")

    verdict = run(case, tested)

    assert ["augment", "change_gradients"] == edited_hooks(cls)
    reference = "keras.Model, without augment() and change_gradients()"
    assert ("exact", reference) == (verdict.outcome, verdict.compared_with)

    wrong = text(Spec(**HOOKS)).replace("scale_loss(loss)", "scale_loss(2 * loss)")
    module = types.ModuleType("wrong")
    exec(wrong.replace("        return gradients\n", f"        {CLIP}\n"), vars(module))
    verdict = run(case, replace(tested, load=lambda: module.CustomModel))
    assert ("differs", reference.replace("augment() and ", "")) == (
        verdict.outcome,
        verdict.compared_with,
    )
