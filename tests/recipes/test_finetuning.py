"""Fine-tuning against a plain loop: two optimizers, a frozen phase, L2-SP and LoRA."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, assert_same, fit, load, running_means, values
from matrix import text

from scaffold import Spec
from scaffold.errors import SpecError
from scaffold.verify.class_in_file import find_class
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.contract.invariant_list import INVARIANTS

finetuning = load("finetuning")
FineTuner = finetuning.FineTuner
WithDistance = load("finetuning", l2_sp=0.5).FineTuner
WithUpdates = load("finetuning", lora_rank=2).FineTuner

INPUTS, FEATURES, CLASSES, BATCH, FROZEN = 5, 6, 3, 8, 2
RATES = 0.01, 0.03


def networks(regularizer=None, layers=()):
    """Builds a backbone of two dense layers, and a head."""
    backbone = keras.Sequential(
        [
            keras.Input((INPUTS,)),
            keras.layers.Dense(4, "tanh", kernel_regularizer=regularizer),
            *layers,
            keras.layers.Dense(FEATURES, "tanh"),
        ],
        name="backbone",
    )
    head = keras.Sequential(
        [keras.Input((FEATURES,)), keras.layers.Dense(CLASSES)], name="head"
    )
    return backbone, head


def small_model(cls=FineTuner, layers=(), optimizers=None, **settings):
    """Builds and compiles a small model."""
    keras.utils.set_random_seed(0)
    backbone, head = networks(layers=layers)
    model = cls(backbone, head, **{"frozen_steps": FROZEN, **settings})
    model.compile(*(optimizers or map(keras.optimizers.Adam, RATES)))
    return model


def some_data(count=5 * BATCH):
    """Makes random inputs and labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, INPUTS)).astype("float32")
    return x, rng.integers(CLASSES, size=count).astype("int32")


def cross_entropy(logits, y):
    """Returns the mean cross-entropy."""
    p = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(len(y)), y]))


def forward(backbone, head, x):
    """Runs both networks with plain arrays."""
    kernel, bias, kernel_2, bias_2 = backbone
    features = jnp.tanh(jnp.tanh(x @ kernel + bias) @ kernel_2 + bias_2)
    return features @ head[0] + head[1]


def plain_loop(loss_fn, backbone, head, x, y):
    """Trains with two optimizers; the first one rests for a number of steps."""
    optimizers = Adam(backbone, RATES[0]), Adam(head, RATES[1])
    grad_fn = jax.jit(jax.grad(loss_fn, argnums=(0, 1), has_aux=True))
    losses = []
    for step in range(len(y) // BATCH):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        grads, loss = grad_fn(backbone, head, x[rows], y[rows])
        if step >= FROZEN:
            backbone = optimizers[0].step(backbone, grads[0])
        head = optimizers[1].step(head, grads[1])
        losses.append(loss)
    return backbone, head, losses


def assert_equals_plain_loop(model, loss_fn):
    """Trains a model, and compares weights and losses with the plain loop."""
    x, y = some_data()
    start = values(model.backbone.trainable_variables), values(model.head.weights)
    backbone, head, losses = plain_loop(loss_fn, *start, x, y)

    logs = fit(model, x, y, batch_size=BATCH)

    assert_close(backbone, values(model.backbone.trainable_variables))
    assert_close(head, values(model.head.weights))
    expected = running_means(np.array(losses)[:, None])
    assert_close(expected[:, 0], logs["loss"])
    assert len(losses) == model.head_optimizer.iterations
    assert len(losses) - FROZEN == model.backbone_optimizer.iterations
    moved = zip(start[0], values(model.backbone.trainable_variables), strict=True)
    assert all(np.abs(new - old).max() > 1e-3 for old, new in moved)


def test_five_steps_equal_a_plain_loop():
    """Two optimizers share a loss, and the backbone's starts after some steps."""

    def loss_fn(backbone, head, x, y):
        loss = cross_entropy(forward(backbone, head, x), y)
        return loss, loss

    assert_equals_plain_loop(small_model(), loss_fn)


def test_five_steps_equal_a_plain_loop_with_l2_sp():
    """L2-SP adds half the squared distance from the start, which is not reported."""
    model = small_model(WithDistance, l2_sp=0.7)
    start = values(model.backbone.weights)

    def loss_fn(backbone, head, x, y):
        loss = cross_entropy(forward(backbone, head, x), y)
        pairs = zip(backbone, start, strict=True)
        return loss + 0.35 * sum(jnp.sum((w - v) ** 2) for w, v in pairs), loss

    assert_equals_plain_loop(model, loss_fn)


def test_five_steps_equal_a_plain_loop_with_lora():
    """Only the factors of the updates train. The kernels and biases do not change."""
    model = small_model(WithUpdates)
    kernel, bias, kernel_2, bias_2 = values(
        v for v in model.backbone.weights if not v.trainable
    )

    def loss_fn(updates, head, x, y):
        a, b, a_2, b_2 = updates
        backbone = kernel + a @ b, bias, kernel_2 + a_2 @ b_2, bias_2
        loss = cross_entropy(forward(backbone, head, x), y)
        return loss, loss

    names = [v.name for v in model.backbone.trainable_variables]
    assert 2 * ["lora_kernel_a", "lora_kernel_b"] == names
    assert_equals_plain_loop(model, loss_fn)
    frozen = values(v for v in model.backbone.weights if not v.trainable)
    assert_same([kernel, bias, kernel_2, bias_2], frozen)


def test_one_rate_equals_keras():
    """Without a frozen phase and with equal optimizers, Keras trains the same."""
    noise = keras.layers.Dropout(0.5, seed=1)
    x, y = some_data()
    ours = small_model(frozen_steps=0, optimizers=("adam", "adam"))
    ours.head = keras.Sequential([keras.Input((FEATURES,)), noise, *ours.head.layers])
    ours.compile()
    theirs = keras.Sequential([ours.backbone, ours.head])
    theirs = keras.models.clone_model(theirs)
    theirs.set_weights(ours.backbone.get_weights() + ours.head.get_weights())
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    logs = [fit(model, x, y, batch_size=BATCH) for model in (ours, theirs)]

    assert_close(logs[1]["loss"], logs[0]["loss"])
    assert_close(values(theirs.trainable_variables), values(ours.trainable_variables))


def test_the_frozen_phase():
    """Nothing of the backbone moves: weights, decay, moments, averages, schedules."""
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    slow = keras.optimizers.AdamW(schedule, weight_decay=0.1, use_ema=True)
    layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    model = small_model(layers=layers, optimizers=(slow, "adam"), frozen_steps=5)
    traces = []
    step = model.train_step
    model.train_step = lambda *args: traces.append(args) or step(*args)
    frozen = model.backbone.variables + model.backbone_optimizer.variables
    before = values(frozen)
    head = values(model.head.weights + model.head_optimizer.variables)
    data = some_data()

    fit(model, *data, batch_size=BATCH)

    assert_same(before, values(frozen))
    after = values(model.head.weights + model.head_optimizer.variables)
    assert sum(np.any(a != b) for a, b in zip(head, after, strict=True)) >= 6
    fit(model, *data, batch_size=BATCH)
    moved = {
        v.path
        for v, old in zip(frozen, before, strict=True)
        if np.any(old != np.array(v))
    }
    assert {v.path for v in model.backbone.trainable_variables} <= moved
    assert 5 == model.backbone_optimizer.iterations
    assert 10 == model.step_counter == model.head_optimizer.iterations
    # The end of the phase compiles nothing. BatchNorm statistics stay.
    assert 1 == len(traces)
    assert not any("moving_" in path or "seed" in path for path in moved)


@pytest.mark.parametrize(
    "cls", [FineTuner, WithDistance, WithUpdates], ids=["plain", "l2_sp", "lora"]
)
@pytest.mark.parametrize("first", [1, 4], ids=["frozen", "free"])
def test_resume_is_exact(cls, first, tmp_path):
    """A file of either phase continues exactly, and predicts the same."""
    x, y = some_data()
    whole, half = small_model(cls), small_model(cls)
    rows = first * BATCH

    fit(whole, x, y, batch_size=BATCH)
    fit(half, x[:rows], y[:rows], batch_size=BATCH)
    half.save(tmp_path / "model.keras")
    rest = keras.saving.load_model(tmp_path / "model.keras")
    predictions = [model.predict(x, verbose=0) for model in (half, rest)]
    fit(rest, x[rows:], y[rows:], batch_size=BATCH)

    assert_same(*predictions)
    whole.reset_metrics()
    rest.reset_metrics()
    assert_same(values(whole.variables), values(rest.variables))
    assert_same(values(whole.optimizer.variables), values(rest.optimizer.variables))
    names = [[v.name for v in m.trainable_variables] for m in (whole, rest)]
    assert names[0] == names[1]


def test_a_backbone_with_lora_stands_alone(tmp_path):
    """Its own file has merged kernels, which Keras loads without this model."""
    model = small_model(WithUpdates)
    x, y = some_data()
    fit(model, x, y, batch_size=BATCH)
    model.backbone.save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras")

    expected = model.backbone.predict(x, verbose=0)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, atol=1e-6)


def test_loss_scales_of_both_optimizers():
    """Optimizers with other loss scales, and an overflow of one, train the same."""
    x, y = some_data()
    plain = small_model()
    scaled = small_model(
        optimizers=[
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate), scale)
            for rate, scale in zip(RATES, (2.0**4, 2.0**9), strict=True)
        ]
    )
    for model in (plain, scaled):
        fit(model, x, y, batch_size=BATCH)

    assert_close(values(plain.trainable_variables), values(scaled.trainable_variables))
    assert 3 == scaled.backbone_optimizer.iterations

    # A scale that is too large for the backbone falls there, and the head trains on.
    keras.utils.set_random_seed(0)
    model = FineTuner(*networks(regularizer=keras.regularizers.L2(1e3)), 0)
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), 2.0**127),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), 2.0**9),
    )
    before = values(model.backbone.weights)
    fit(model, x, y, batch_size=BATCH)

    assert 2.0**122 == float(model.backbone_optimizer.dynamic_scale)
    assert_same(before, values(model.backbone.weights))
    assert 2.0**9 == float(model.head_optimizer.dynamic_scale)
    assert 5 == model.head_optimizer.iterations


class Tokens(keras.Model):
    """A backbone with own layers and inputs like those of KerasHub."""

    def __init__(self, **kwargs):
        """Initializes the layers."""
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(20, 8, name="token_embedding")
        self.attention = keras.layers.MultiHeadAttention(2, 4)
        self.blocks = [keras.layers.Dense(8, "tanh") for _ in range(2)]

    def call(self, inputs):
        """Returns features of shape `(batch_size, 8)`."""
        x, mask = self.embedding(inputs["token_ids"]), inputs["padding_mask"]
        mask = keras.ops.cast(mask, "bool")
        x = x + self.attention(x, x, attention_mask=mask[:, None, :])
        for block in self.blocks:
            x = block(x)
        return x[:, 0]


def tokens(count=2 * BATCH):
    """Makes inputs of KerasHub's form."""
    rng = np.random.default_rng(0)
    ids = rng.integers(20, size=(count, 6)).astype("int32")
    return {"token_ids": ids, "padding_mask": np.ones_like(ids)}


def functional_tokens():
    """Builds a backbone from two inputs by name, as those of KerasHub are."""
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "padding_mask")
    }
    return keras.Model(inputs, Tokens()(inputs))


def own_tokens():
    """Builds a backbone of layers of its own by calling it."""
    backbone = Tokens()
    backbone(tokens(1))
    return backbone


@pytest.mark.parametrize("build", [functional_tokens, own_tokens])
@pytest.mark.parametrize("cls", [FineTuner, WithUpdates], ids=["plain", "lora"])
def test_backbones_of_tokens(cls, build):
    """Inputs can be dicts of integers, and LoRA is in layers at any depth."""
    keras.utils.set_random_seed(0)
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(CLASSES)])
    model = cls(build(), head, frozen_steps=1)
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    before = values(model.backbone.trainable_variables)
    y = np.arange(2 * BATCH) % CLASSES
    history = model.fit(tokens(), y, batch_size=BATCH, epochs=3, verbose=0).history

    assert history["loss"][-1] < history["loss"][0]
    after = values(model.backbone.trainable_variables)
    assert (2 * BATCH, CLASSES) == model.predict(tokens(), verbose=0).shape
    if cls is WithUpdates:  # Of the embedding, of four projections, and of two blocks.
        assert 2 * (1 + 4 + 2) == len(before)
        names = {v.name[:5] for v in model.backbone.trainable_variables}
        assert {"lora_"} == names
    assert all(
        np.any(old != new)
        for old, new, variable in zip(
            before, after, model.backbone.trainable_variables, strict=True
        )
        if "key/bias" not in variable.path  # It has no effect on attention.
    )


def test_lora_of_chosen_layers():
    """A backbone that has LoRA keeps its layers, as one of KerasHub chooses them."""
    backbone, head = networks()
    backbone.layers[1].enable_lora(3)
    model = WithUpdates(backbone, head)
    assert [(4, 3), (3, FEATURES)] == [
        v.shape for v in model.backbone.trainable_weights
    ]

    class Chooses(keras.Sequential):
        """A backbone with a method like KerasHub's."""

        def enable_lora(self, rank):
            """Enables LoRA in the first layer."""
            self.layers[0].enable_lora(rank)

    backbone, head = networks()
    model = WithUpdates(Chooses([keras.Input((INPUTS,)), *backbone.layers]), head)
    assert [(INPUTS, 2), (2, 4)] == [v.shape for v in model.backbone.trainable_weights]


def test_a_backbone_that_never_trains():
    """With `trainable = False`, only the head has an optimizer state."""
    model = small_model(frozen_steps=0)
    model.backbone.trainable = False
    model.compile()
    before = values(model.backbone.weights)
    fit(model, *some_data(), batch_size=BATCH)

    assert_same(before, values(model.backbone.weights))
    assert 5 == model.head_optimizer.iterations
    assert 2 == len(model.backbone_optimizer.variables)


def test_fused_steps_equal_single_steps():
    """`--fuse-steps` changes no number, also where the frozen phase ends in a loop."""
    fused = load("finetuning", fuse_steps=True, class_name="FusedFineTuner")
    data = some_data()
    models = small_model(), small_model(fused.FusedFineTuner)
    models[1].compile(
        *map(keras.optimizers.Adam, RATES), steps_per_execution=5, jit_compile=True
    )
    for model in models:
        model.fit(*data, batch_size=BATCH, shuffle=False, verbose=0)

    assert_close(*(values(model.variables) for model in models))


def test_what_cannot_be_right_is_refused():
    """Options, numbers and networks that contradict each other have messages."""
    with pytest.raises(SpecError, match="--l2-sp and --lora-rank cannot be combined"):
        Spec(recipe="finetuning", l2_sp=0.1, lora_rank=2)
    backbone, head = networks()
    for cls, setting in (
        (FineTuner, {"frozen_steps": -1}),
        (WithDistance, {"l2_sp": -0.1}),
        (WithUpdates, {"lora_rank": 0}),
    ):
        with pytest.raises(ValueError, match="must be at least 0"):
            cls(backbone, head, **setting)
    with pytest.raises(ValueError, match="must not share weights"):
        FineTuner(backbone, keras.Sequential([backbone, head]))
    flat = keras.Sequential([keras.Input((2, 2)), keras.layers.Flatten()], name="flat")
    with pytest.raises(ValueError, match=r"No layer of flat has enable_lora\(\)"):
        WithUpdates(flat, head)
    with pytest.raises(ValueError, match="needs labels"):
        small_model().fit(some_data()[0], verbose=0)


def test_verify_knows_that_statistics_are_kept(tmp_path):
    """A backbone that runs as in inference is right, and a lost new state is not."""
    [invariant] = [i for i in INVARIANTS if i.name == "all state is updated"]
    source = text(Spec(recipe="finetuning"))
    layer = "            keras.layers.Flatten(),\n"
    source = source.replace(
        layer, f"{layer}{layer.replace('Flatten', 'BatchNormalization')}"
    )
    kept = "self.backbone(x, training=False)"
    assert source.count(kept) == source.count("BatchNormalization()") == 1
    updated = source.replace(kept, "self.backbone(x, training=training)")
    lost = updated.replace("self.call(x, training=training)", "self.call(x)")

    outcomes = []
    for number, code in enumerate((source, updated, lost)):
        path = tmp_path / f"with_statistics_{number}.py"
        path.write_text(code, "utf-8")
        outcomes.append(check_invariant(invariant, find_class(str(path))).outcome)

    assert ["holds", "holds", "differs"] == outcomes
