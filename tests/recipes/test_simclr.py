"""SimCLR against a plain loop: two views, a contrastive loss, a probe beside it."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, assert_same, fit, load, running_means, values

module = load("simclr")

INPUTS, CLASSES, BATCH, TEMPERATURE, PENALTY = 5, 3, 8, 0.3, 0.01


def dense(inputs, outputs, activation=None, **arguments):
    """Builds a network of one layer."""
    layer = keras.layers.Dense(outputs, activation=activation, **arguments)
    return keras.Sequential([keras.Input((inputs,)), layer])


def small_model(*optimizers):
    """Builds and compiles a small model; its noise has the seed 5."""
    keras.utils.set_random_seed(0)
    noise = keras.layers.GaussianNoise(0.3, seed=5)
    model = module.SimCLR(
        dense(INPUTS, 6, "tanh", kernel_regularizer=keras.regularizers.L2(PENALTY)),
        dense(6, 4),
        dense(6, CLASSES),
        keras.Sequential([keras.Input((INPUTS,)), noise]),
        temperature=TEMPERATURE,
    )
    model.compile(*optimizers)
    return model


def some_data(count=5 * BATCH):
    """Makes random rows of both streams, and labels of the first."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, count, INPUTS)).astype("float32")
    y = rng.integers(CLASSES, size=count).astype("int32")
    return {"labelled": x[0], "unlabelled": x[1]}, y


def nt_xent(projections, temperature):
    """Returns equation 1 of the paper over all positive pairs, pair by pair."""
    z = projections / jnp.linalg.norm(projections, axis=1, keepdims=True)
    count = len(z)
    losses, hits = [], []
    for i in range(count):
        j = (i + count // 2) % count
        others = jnp.array([k for k in range(count) if k != i])
        similarities = z[others] @ z[i] / temperature
        own = z[j] @ z[i] / temperature
        losses.append(jnp.log(jnp.sum(jnp.exp(similarities))) - own)
        hits.append(own >= similarities.max())
    return jnp.mean(jnp.array(losses)), jnp.mean(jnp.array(hits))


def contrastive_loss(weights, views):
    """Returns the loss, and what is reported of it."""
    kernel, bias, kernel_2, bias_2 = weights
    loss, accuracy = nt_xent(
        jnp.tanh(views @ kernel + bias) @ kernel_2 + bias_2, TEMPERATURE
    )
    return loss + PENALTY * jnp.sum(kernel**2), (loss, accuracy)


def probe_loss(probe, features, y):
    """Returns the cross-entropy of the probe, and its accuracy."""
    logits = features @ probe[0] + probe[1]
    p = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
    accuracy = jnp.mean(logits.argmax(axis=1) == y)
    return -jnp.mean(jnp.log(p[jnp.arange(len(y)), y])), accuracy


@pytest.mark.exhaustive
def test_five_steps_equal_a_plain_loop():
    """Losses, accuracies and weights equal the paper's equations in plain JAX."""
    optimizers = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02)
    model, (x, y) = small_model(*optimizers), some_data()
    weights = values(model.encoder.weights + model.projection_head.weights)
    probe = values(model.probe.weights)
    adam, probe_adam = Adam(weights, 0.01), Adam(probe, 0.02)
    seeds = keras.random.SeedGenerator(5)
    grad_fn = jax.jit(jax.grad(contrastive_loss, has_aux=True))
    probe_grad_fn = jax.jit(jax.value_and_grad(probe_loss, has_aux=True))
    expected = []
    for step in range(5):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        both = np.concatenate([x["labelled"][rows], x["unlabelled"][rows]])
        noises = [keras.random.normal(both.shape, 0, 0.3, seed=seeds) for _ in "12"]
        grads, logs = grad_fn(weights, jnp.concatenate([both + n for n in noises]))
        weights = adam.step(weights, grads)
        # The probe reads the encoder as it is now.
        features = jnp.tanh(x["labelled"][rows] @ weights[0] + weights[1])
        (loss, accuracy), grads = probe_grad_fn(probe, features, y[rows])
        probe = probe_adam.step(probe, grads)
        expected.append([*logs, loss, accuracy])

    logs = fit(model, x, y, batch_size=BATCH)

    names = "contrastive_loss", "contrastive_accuracy", "probe_loss", "probe_accuracy"
    reported = np.transpose([logs[name] for name in names])
    assert_close(reported, running_means(np.array(expected)))
    trained = model.encoder.weights + model.projection_head.weights
    assert_close(values(trained), weights)
    assert_close(values(model.probe.weights), probe)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_nt_xent(count):
    """It is the paper's equation 1, for batches of any size."""
    z = np.random.default_rng(0).normal(size=(2 * count, 4)).astype("float32")

    assert_close(module.nt_xent(z, 0.5), nt_xent(z, 0.5))


def test_nt_xent_is_stable():
    """Large similarities and vectors of zeros give finite losses and gradients."""
    z = np.zeros((6, 4), "float32")
    z[0] = 1e3

    def loss_fn(z):
        return module.nt_xent(z, 1e-3)[0]

    loss, grads = jax.value_and_grad(loss_fn)(z)

    assert np.isfinite(loss) and np.isfinite(grads).all()


def test_labels_do_not_reach_the_encoder():
    """Other labels change the probe, and nothing of the encoder."""
    x, y = some_data()
    trained = []
    for labels in (y, (y + 1) % CLASSES):
        model = small_model()
        fit(model, x, labels)
        trained.append(model)

    one, other = trained
    assert_same(values(one.encoder.weights), values(other.encoder.weights))
    assert not np.allclose(*(m.probe.get_weights()[0] for m in trained))
    assert 2 + 2 * 4 == len(one.contrastive_optimizer.variables)
    assert 2 + 2 * 2 == len(one.probe_optimizer.variables)


def test_array_and_dict_are_the_same_to_evaluation():
    """Of a dict, evaluation and prediction take the labelled images."""
    model, (x, y) = small_model(), some_data()

    results = [model.evaluate(i, y, verbose=0) for i in (x, x["labelled"])]
    predicted = [model.predict(i, verbose=0) for i in (x, x["labelled"])]

    assert results[0] == results[1]
    assert_same(*predicted)


def test_training_is_compiled():
    """The layers of the default augmenter do not make Keras train uncompiled."""
    model = module.build_model()
    again = module.SimCLR.from_config(model.get_config())
    again.compile()

    assert model.jit_compile and again.jit_compile
