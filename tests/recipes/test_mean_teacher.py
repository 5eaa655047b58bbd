"""The mean teacher against a plain loop: two streams, an average, a ramp-up."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_same, load, values

mean_teacher = load("mean-teacher")
MeanTeacher = mean_teacher.MeanTeacher


EMA_DECAY, CONSISTENCY, RAMP_UP_STEPS, PENALTY = 0.6, 7.0, 3, 0.01


def dense(dropout=False):
    """Builds a network of two dense layers from 5 numbers to 3 logits."""
    regularizer = keras.regularizers.L2(PENALTY)
    hidden = keras.layers.Dense(
        4, "tanh", kernel_regularizer=regularizer, name="hidden"
    )
    noise = [keras.layers.Dropout(0.5)] if dropout else []
    layers = [keras.Input((5,)), hidden, *noise, keras.layers.Dense(3, name="logits")]
    return keras.Sequential(layers, name="student")


def build(optimizer="adam", seed=0, dropout=False, cls=MeanTeacher, **kwargs):
    """Builds and compiles a small mean teacher."""
    keras.utils.set_random_seed(seed)
    augmenter = keras.Sequential(
        [keras.Input((5,)), keras.layers.GaussianNoise(0.3, seed=5)], name="augmenter"
    )
    settings = {
        "ema_decay": EMA_DECAY,
        "consistency": CONSISTENCY,
        "ramp_up_steps": RAMP_UP_STEPS,
        **kwargs,
    }
    model = cls(dense(dropout), augmenter, **settings)
    model.compile(optimizer)
    return model


def make_data(size=40, seed=0):
    """Makes random inputs of both streams, and labels of the first."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, size, 5)).astype("float32")
    y = rng.integers(0, 3, size).astype("int32")
    return {"labelled": x[0], "unlabelled": x[1]}, y


def batch(x, y, step, size=8):
    """Returns one batch of the data."""
    rows = slice(size * step, size * step + size)
    return {name: images[rows] for name, images in x.items()}, y[rows]


def forward(weights, x):
    """Runs `dense()` with plain arrays."""
    kernel, bias, kernel_2, bias_2 = weights
    return jnp.tanh(x @ kernel + bias) @ kernel_2 + bias_2


def softmax(logits):
    """Turns logits into probabilities."""
    powers = jnp.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def reference_loss(weights, teacher, student_x, teacher_x, y, weight, share):
    """The objective of section 2 of the paper, for one batch."""
    p, q = softmax(forward(weights, student_x)), softmax(forward(teacher, teacher_x))
    known = p[: len(y)]
    classification = -jnp.log(known[jnp.arange(len(y)), y]).mean()
    consistency = ((p - q) ** 2).mean()
    # The authors divide the sum over labelled rows by the number of all rows.
    loss = share * classification + weight * consistency
    return loss + PENALTY * (weights[0] ** 2).sum(), {
        "loss": loss,
        "classification_loss": classification,
        "consistency_loss": consistency,
        "accuracy": (known.argmax(axis=1) == y).mean(),
    }


@pytest.mark.parametrize(
    ("ramp_up_steps", "mean"), [(RAMP_UP_STEPS, "all"), (0, "labelled")]
)
def test_five_steps_equal_a_plain_loop(ramp_up_steps, mean):
    """Losses and weights equal the paper's equations in plain JAX."""
    models = [
        build(
            keras.optimizers.Adam(0.01),
            ramp_up_steps=ramp_up_steps,
            cls=load("mean-teacher", classification_mean=mean).MeanTeacher,
        )
        for _ in range(2)
    ]
    share = 0.5 if mean == "all" else 1.0
    x, y = make_data()
    weights = [jnp.array(w) for w in models[0].student.get_weights()]
    teacher, start = list(weights), weights
    adam = Adam(weights, 0.01)
    seed = keras.random.SeedGenerator(5)
    grad_fn = jax.jit(jax.grad(reference_loss, has_aux=True))
    expected = []
    for step in range(5):
        inputs, labels = batch(x, y, step)
        both = np.concatenate([inputs["labelled"], inputs["unlabelled"]])
        noise = [keras.random.normal(both.shape, 0, 0.3, seed=seed) for _ in range(2)]
        progress = min(step / ramp_up_steps, 1) if ramp_up_steps else 1
        weight = CONSISTENCY * np.exp(-5 * (1 - progress) ** 2)
        grads, logs = grad_fn(
            weights, teacher, both + noise[0], both + noise[1], labels, weight, share
        )
        expected.append(logs)
        weights = adam.step(weights, grads)
        decay = min(EMA_DECAY, 1 - 1 / (step + 2))
        pairs = zip(teacher, weights, strict=True)
        teacher = [decay * t + (1 - decay) * w for t, w in pairs]
    assert max(abs(w - s).max() for w, s in zip(weights, start, strict=True)) > 0.01

    whole, model = models  # All five batches in one fit...
    whole.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    logs = []
    for step in range(5):  # ... and a fit for each, which shows the losses of the step.
        history = model.fit(*batch(x, y, step), batch_size=8, shuffle=False, verbose=0)
        logs.append({name: numbers[0] for name, numbers in history.history.items()})
    for one, other in zip(logs, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6)
    for trained in models:
        assert int(trained.step_counter) == 5
        for network, wanted in (trained.student, weights), (trained.teacher, teacher):
            for one, other in zip(network.get_weights(), wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_the_teacher_is_the_mean_at_first():
    """Until `ema_decay` takes over, the teacher is the plain mean of all students.

    AdamW decays the students, but not their mean.
    """
    model = build(keras.optimizers.AdamW(0.1, weight_decay=0.5), ema_decay=0.999)
    x, y = make_data()
    students = [model.student.get_weights()]
    for step in range(5):
        model.fit(*batch(x, y, step), batch_size=8, shuffle=False, verbose=0)
        students.append(model.student.get_weights())
    for mean, each in zip(
        model.teacher.get_weights(), zip(*students, strict=True), strict=True
    ):
        np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)


def test_the_teacher_is_only_averaged():
    """No decay, no optimizer state; BatchNorm statistics are averaged as well."""
    keras.utils.set_random_seed(0)
    student = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(6),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    augmenter = keras.Sequential([keras.Input((5,)), keras.layers.GaussianNoise(0.3)])
    model = MeanTeacher(student, augmenter, ema_decay=0.0)
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1))
    x, y = make_data()
    start = student.get_weights()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    # Without a memory the teacher is the student: it is touched by nothing else.
    for mean, new, old in zip(
        model.teacher.get_weights(), student.get_weights(), start, strict=True
    ):
        np.testing.assert_array_equal(mean, new)
        assert np.abs(new - old).max() > 0
    # Two moments for each of the six weights, iterations and learning rate.
    assert len(model.optimizer.variables) == 2 * 6 + 2
    assert len(model.trainable_variables) == 6
    assert not model.teacher.trainable and model.student.trainable


def test_networks_see_different_noise():
    """Even equal networks disagree at first, and each step makes new noise."""
    model = build(keras.optimizers.SGD(0.0), ema_decay=0.0)
    x, y = make_data(8)
    losses = []
    for _ in range(3):
        history = model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history
        losses.append(history["consistency_loss"][0])
    assert min(losses) > 1e-5
    assert len(set(losses)) == 3
    # Dropout without a fixed seed is noise of the network's own.
    keras.utils.set_random_seed(0)
    still = keras.Sequential([keras.Input((5,)), keras.layers.Activation("linear")])
    model = MeanTeacher(dense(dropout=True), still)
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(x, y, batch_size=8, verbose=0).history
    assert history["consistency_loss"][0] > 1e-5


def test_evaluation_uses_the_teacher():
    """A smaller last batch counts for less; dict and array are the same."""
    model = build(keras.optimizers.SGD(1.0))
    x, y = make_data(20)
    model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    before = values(model.weights)
    results = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    array = model.evaluate(
        x["labelled"], y[:, None], batch_size=8, verbose=0, return_dict=True
    )
    assert results == array
    logits = forward(model.teacher.get_weights(), x["labelled"])
    expected = -np.log(softmax(logits)[np.arange(20), y]).mean()
    np.testing.assert_allclose(results["classification_loss"], expected, rtol=1e-5)
    accuracy = (np.argmax(logits, axis=1) == y).mean()
    np.testing.assert_allclose(results["accuracy"], accuracy)
    assert_same(values(model.weights), before)
    for inputs in x, x["labelled"]:
        predicted = model.predict(inputs, batch_size=8, verbose=0)
        np.testing.assert_allclose(predicted, logits, rtol=1e-5, atol=1e-5)
    other = forward(model.student.get_weights(), x["labelled"])
    assert np.abs(predicted - other).max() > 1e-2


def test_training_is_compiled():
    """The layers of the default augmenter do not make Keras train uncompiled."""
    model = mean_teacher.build_model()
    assert model.jit_compile
    again = MeanTeacher.from_config(model.get_config())
    again.compile()
    assert again.jit_compile


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_missing_labels_are_refused(method):
    """They are not dropped in silence."""
    x, _ = make_data(8)
    with pytest.raises(ValueError, match="needs? labels|, labels"):
        getattr(build(), method)(x)


def test_training_needs_both_streams():
    """An array alone, which evaluation takes, is refused with advice."""
    x, y = make_data(8)
    with pytest.raises(ValueError, match="unlabelled"):
        build().fit(x["labelled"], y, verbose=0)


@pytest.mark.parametrize(
    "setting",
    [{"ema_decay": 1.0}, {"ema_decay": -0.1}, {"consistency": -1}]
    + [{"ramp_up_steps": -1}],
)
def test_settings_out_of_range_are_refused(setting):
    """They would stop the teacher or reward disagreement."""
    with pytest.raises(ValueError, match="ema_decay must be from 0"):
        build(**setting)
