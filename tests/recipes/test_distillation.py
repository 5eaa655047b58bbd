"""Distillation against a plain loop: a student, labels and a frozen teacher."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_same, load, values

from scaffold import Spec
from scaffold.verify.class_under_test import ClassUnderTest
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.contract.invariant_list import INVARIANTS

distillation = load("distillation")
Distiller = distillation.Distiller
WithFeatures = load("distillation", feature_weight=0.5).Distiller

TEMPERATURE, ALPHA, DECAY = 3.0, 0.3, 0.01


def dense(name, width, regularizer=None, dropout=False):
    """Builds a network of two dense layers from 5 numbers to 3 logits."""
    hidden = keras.layers.Dense(
        width, "tanh", kernel_regularizer=regularizer, name="hidden"
    )
    noise = [keras.layers.Dropout(0.5)] if dropout else []
    layers = [keras.Input((5,)), hidden, *noise, keras.layers.Dense(3, name="logits")]
    return keras.Sequential(layers, name=name)


def build(optimizer="adam", seed=0, dropout=False, width=4, decay=DECAY, **kwargs):
    """Builds and compiles a small distiller; with a `feature_weight`, of features."""
    keras.utils.set_random_seed(seed)
    student = dense("student", width, keras.regularizers.L2(decay), dropout)
    # Were the teacher's regularizer counted, the loss would be off.
    teacher = dense("teacher", 6, keras.regularizers.L2(1.0), dropout)
    settings = {"temperature": TEMPERATURE, "alpha": ALPHA, **kwargs}
    cls = Distiller
    if "feature_weight" in kwargs:
        cls = WithFeatures
        settings = {"student_layer": "hidden", "teacher_layer": "hidden", **settings}
    model = cls(student, teacher, **settings)
    model.compile(optimizer)
    return model


def make_data(size=40, seed=0):
    """Makes random inputs and labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 5)).astype("float32")
    return x, rng.integers(0, 3, size).astype("int32")


def forward(weights, x):
    """Runs `dense()` with plain arrays."""
    kernel, bias, kernel_2, bias_2 = weights
    return jnp.tanh(x @ kernel + bias) @ kernel_2 + bias_2


def reference_loss(weights, teacher, x, y, temperature, alpha):
    """The paper's objective: equation 1 and the text below it."""

    def softened(logits):
        powers = jnp.exp(logits / temperature)
        return powers / powers.sum(axis=1, keepdims=True)

    z, v = forward(weights, x), forward(teacher, x)
    p = jnp.exp(z) / jnp.exp(z).sum(axis=1, keepdims=True)
    hard = -jnp.log(p[jnp.arange(len(y)), y]).mean()
    q, r = softened(z), softened(v)
    soft = temperature**2 * (r * jnp.log(r / q)).sum(axis=1).mean()
    loss = alpha * hard + (1 - alpha) * soft
    accuracy = (z.argmax(axis=1) == y).mean()
    penalty = DECAY * (weights[0] ** 2).sum()
    return loss + penalty, {
        "loss": loss,
        "hard_loss": hard,
        "soft_loss": soft,
        "accuracy": accuracy,
    }


@pytest.mark.parametrize(
    ("temperature", "alpha"), [(TEMPERATURE, ALPHA), (1.0, 0.0), (2.0, 1.0)]
)
def test_five_steps_equal_a_plain_loop(temperature, alpha):
    """Losses and weights equal the paper's equations in plain JAX."""
    optimizer = keras.optimizers.Adam(0.01)
    model = build(optimizer, temperature=temperature, alpha=alpha)
    x, y = make_data()
    weights = [jnp.array(w) for w in model.student.get_weights()]
    teacher = [jnp.array(w) for w in model.teacher.get_weights()]
    adam = Adam(weights, 0.01)
    expected = []
    grad_fn = jax.jit(jax.grad(reference_loss, has_aux=True))
    for step in range(5):
        rows = slice(8 * step, 8 * step + 8)
        grads, logs = grad_fn(weights, teacher, x[rows], y[rows], temperature, alpha)
        expected.append(logs)
        weights = adam.step(weights, grads)

    whole = build(
        keras.optimizers.Adam(0.01), temperature=temperature, alpha=alpha
    )  # All five batches in one fit...
    whole.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    logs = []
    for step in range(5):  # ... and a fit for each, which shows the losses of the step.
        rows = slice(8 * step, 8 * step + 8)
        history = model.fit(x[rows], y[rows], batch_size=8, shuffle=False, verbose=0)
        logs.append({name: values[0] for name, values in history.history.items()})
    for one, other in zip(logs, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6)
    for trained in whole, model:
        for one, other in zip(trained.student.get_weights(), weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
        for one, other in zip(trained.teacher.get_weights(), teacher, strict=True):
            np.testing.assert_array_equal(one, other)


def with_features_loss(weights, teacher, x, y, feature_weight):
    """The objective, and the hints of FitNets, equation 3, in one stage."""
    loss, logs = reference_loss(weights[:4], teacher, x, y, TEMPERATURE, ALPHA)
    hint, guided = (jnp.tanh(x @ w[0] + w[1]) for w in (teacher, weights))
    if len(weights) > 4:  # The regressor
        guided = guided @ weights[4] + weights[5]
    feature = ((guided - hint) ** 2).mean()
    logs["loss"] += feature_weight * feature
    return loss + feature_weight * feature, {**logs, "feature_loss": feature}


@pytest.mark.parametrize("width", [4, 6], ids=["narrower", "same width"])
def test_five_steps_equal_a_plain_loop_with_features(width):
    """The student also imitates a layer, through a projection if the sizes differ."""
    model = build(keras.optimizers.Adam(0.01), width=width, feature_weight=0.7)
    assert (model.projection is None) == (width == 6)
    x, y = make_data()
    weights = [jnp.array(w) for w in model.trainable_variables]
    teacher = [jnp.array(w) for w in model.teacher.get_weights()]
    adam = Adam(weights, 0.01)
    grad_fn = jax.jit(jax.grad(with_features_loss, has_aux=True))
    for step in range(5):
        rows = slice(8 * step, 8 * step + 8)
        grads, expected = grad_fn(weights, teacher, x[rows], y[rows], 0.7)
        weights = adam.step(weights, grads)
        history = model.fit(x[rows], y[rows], batch_size=8, verbose=0).history
        assert history.keys() == expected.keys()
        for name, (value,) in history.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-6)
    for one, other in zip(model.trainable_variables, weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    for one, other in zip(model.teacher.get_weights(), teacher, strict=True):
        np.testing.assert_array_equal(one, other)
    _, expected = with_features_loss(weights, teacher, x, y, 0.7)
    results = model.evaluate(x, y, batch_size=15, verbose=0, return_dict=True)
    assert results.keys() == expected.keys()
    for name, value in results.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)


@pytest.mark.parametrize("feature_weight", [None, 0.5], ids=["logits", "features"])
def test_five_steps_equal_a_plain_loop_of_keras(feature_weight):
    """`keras.distillation.Distiller` takes the same steps, without regularizers."""
    own = {} if feature_weight is None else {"feature_weight": feature_weight}
    # Keras's class leaves the regularizers of the student out of the loss.
    ours = build(keras.optimizers.Adam(0.01), width=6, decay=0.0, **own)
    # Its default, the name of this loss, is applied to the logits without a softmax.
    divergence = keras.losses.KLDivergence()
    losses = [keras.distillation.LogitsDistillation(TEMPERATURE, divergence)]
    weights = [1.0]
    if own:
        losses.append(keras.distillation.FeatureDistillation("mse", "hidden", "hidden"))
        weights.append(feature_weight / (1 - ALPHA))
    student = keras.models.clone_model(ours.student)
    student.set_weights(ours.student.get_weights())
    theirs = keras.distillation.Distiller(
        ours.teacher, student, losses, weights, student_loss_weight=ALPHA
    )
    theirs.compile(
        keras.optimizers.Adam(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = make_data()
    before = values(student.weights)
    for model in ours, theirs:
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for one, other, start in zip(
        ours.student.weights, student.weights, before, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        assert np.abs(one - start).max() > 0.01


def test_features_that_do_not_fit_are_refused():
    """Maps of different sizes, networks without inputs, and unknown layers."""

    def network(*layers):
        layers = [*layers, keras.layers.Flatten(), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((8, 8, 1)), *layers])

    fine = network(keras.layers.Conv2D(4, 3, name="features"))
    coarse = network(keras.layers.Conv2D(4, 3, 2, name="features"))
    with pytest.raises(ValueError, match="in the last axis only"):
        WithFeatures(fine, coarse)
    with pytest.raises(ValueError, match="No such layer: typo"):
        WithFeatures(fine, fine, student_layer="typo")

    class Own(keras.Model):
        """A network without a graph of layers."""

        def call(self, inputs):
            """Returns the inputs."""
            return inputs

    own = Own(name="own")
    own.build((None, 3))
    with pytest.raises(ValueError, match="own have no outputs"):
        WithFeatures(fine, own)
    # Maps whose sizes fit are projected by a 1 x 1 convolution.
    wide = network(keras.layers.Conv2D(6, 3, name="features"))
    model = WithFeatures(fine, wide)
    model.compile()
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 1)).astype("float32")
    model.fit(x, np.arange(8) % 3, verbose=0)
    assert (4, 6) == model.projection.kernel.shape


def test_evaluation_weighs_by_rows():
    """A smaller last batch counts for less."""
    model = build()
    x, y = make_data(20)
    x[16:] *= 10
    results = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    weights, teacher = model.student.get_weights(), model.teacher.get_weights()
    _, expected = reference_loss(weights, teacher, x, y, TEMPERATURE, ALPHA)
    assert results.keys() == expected.keys()
    for name, value in results.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)
    # Labels of shape (rows, 1) are the same labels.
    column = model.evaluate(x, y[:, None], batch_size=8, verbose=0, return_dict=True)
    assert column == results


def test_a_twin_of_the_teacher_has_no_soft_loss():
    """The soft loss is a distance: 0 for a student that says what the teacher says."""
    keras.utils.set_random_seed(0)
    student, teacher = dense("student", 4), dense("teacher", 4)
    student.set_weights(teacher.get_weights())
    model = Distiller(student, teacher)
    model.compile()
    results = model.evaluate(*make_data(), verbose=0, return_dict=True)
    assert abs(results["soft_loss"]) < 1e-6
    assert results["hard_loss"] > 0.1


def test_the_teacher_is_frozen():
    """No decay, no optimizer state, no dropout, no BatchNorm statistics that move."""
    keras.utils.set_random_seed(0)
    teacher = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(6),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    model = Distiller(dense("student", 4), teacher, alpha=0.0)
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1))
    before = values(teacher.variables)
    student = model.student.get_weights()
    x, y = make_data()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert_same(values(teacher.variables), before)
    for one, other in zip(model.student.get_weights(), student, strict=True):
        assert np.abs(one - other).max() > 1e-3
    # Two moments for each of the four weights, iterations and learning rate.
    assert len(model.optimizer.variables) == 2 * 4 + 2
    assert len(model.trainable_variables) == 4
    # Training and evaluation hear the same teacher.
    still = build(keras.optimizers.SGD(0.0), dropout=False)
    history = still.fit(x, y, batch_size=8, verbose=0).history
    results = still.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert history.keys() == results.keys()
    for name, value in results.items():
        np.testing.assert_allclose(history[name][0], value, rtol=1e-6)


def test_saving_with_a_teacher_that_was_trained(tmp_path):
    """It brings an optimizer and metrics along; the student's are restored."""
    keras.utils.set_random_seed(1)
    x, y = make_data()
    teacher = dense("teacher", 6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    teacher.compile("adam", loss, metrics=["accuracy"])
    teacher.fit(x, y, verbose=0)
    model = Distiller(dense("student", 4), teacher, TEMPERATURE, ALPHA)
    model.compile(keras.optimizers.Adam(0.02, beta_1=0.7))
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert (TEMPERATURE, ALPHA) == (loaded.temperature, loaded.alpha)
    assert 0.7 == loaded.optimizer.beta_1 and not loaded.teacher.trainable
    assert_same(values(model.student.variables), values(loaded.student.variables))
    assert_same(values(model.teacher.weights), values(loaded.teacher.weights))
    assert_same(values(model.optimizer.variables), values(loaded.optimizer.variables))


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_missing_labels_are_refused(method):
    """They are not dropped in silence."""
    x, _ = make_data()
    with pytest.raises(ValueError, match="needs labels"):
        getattr(build(), method)(x)


@pytest.mark.parametrize(
    "setting",
    [{"temperature": 0}, {"alpha": -0.1}, {"alpha": 1.1}, {"feature_weight": -1}],
)
def test_settings_out_of_range_are_refused(setting):
    """They would make the loss infinite or reward disagreement."""
    with pytest.raises(ValueError, match="temperature must be above 0|feature_weight"):
        build(**setting)


def test_defaults():
    """`build_model()` works as it is, and predicts with the student."""
    x = np.random.default_rng(0).uniform(size=(20, 8, 8, 1)).astype("float32")
    y = np.arange(20) % 10
    teacher = distillation.build_teacher()
    for model in distillation.build_model(), distillation.build_model(teacher):
        before = float(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
        model.fit(x, y, epochs=5, verbose=0)
        after = float(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
        assert after < before
        predicted = model.predict(x, verbose=0)
        np.testing.assert_array_equal(predicted, model.student.predict(x, verbose=0))
    assert model.teacher is teacher


def test_verify_knows_that_a_teacher_is_at_rest():
    """Dropout and BatchNorm of a frozen network must not move; a student's must."""
    x, y = make_data(48)

    def with_state(name):
        layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
        head = keras.layers.Dense(3)
        return keras.Sequential([keras.Input((5,)), *layers, head], name=name)

    def subject(distiller, student, teacher):
        def make():
            model = distiller(student(), teacher())
            model.compile()
            return model, (x, y)

        return ClassUnderTest(
            lambda: distiller, "functional", Spec().objective, build=make
        )

    [contract] = [c for c in INVARIANTS if c.name == "all state is updated"]
    quiet = subject(
        Distiller, lambda: dense("student", 4), lambda: with_state("teacher")
    )
    assert "holds" == check_invariant(contract, quiet).outcome

    class Asleep(Distiller):
        """A step that always runs its student as in inference."""

        def distillation_loss(self, images, labels, training=True):
            """Ignores `training`."""
            return super().distillation_loss(images, labels, training=False)

    loud = subject(Asleep, lambda: with_state("student"), lambda: dense("teacher", 4))
    verdict = check_invariant(contract, loud)
    assert "differs" == verdict.outcome
    assert "moving_mean does not change in training" in str(verdict)
