"""The VAE against a plain loop, and its bound against the integral that it bounds."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, fit, load, running_means, values

VAE, build_model = load("vae").VAE, load("vae").build_model

LATENTS, BETA, L2 = 3, 2.0, 0.01


@pytest.fixture(autouse=True)
def same_initial_weights():
    """Makes every test draw the same initial weights each time."""
    keras.utils.set_random_seed(0)


def small_model(
    seed=7, beta=BETA, optimizer=None, latent_size=LATENTS, cls=VAE, **more
):
    """Builds a model for 4 x 4 images, with losses that layers add."""
    encoder = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(
                6, activation="tanh", kernel_regularizer=keras.regularizers.L2(L2)
            ),
            keras.layers.Dense(2 * latent_size),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((latent_size,)),
            keras.layers.Dense(
                5, activation="tanh", activity_regularizer=keras.regularizers.L2(L2)
            ),
            keras.layers.Dense(16),
            keras.layers.Reshape((4, 4, 1)),
        ]
    )
    settings = {"latent_size": latent_size, "beta": beta, "seed": seed, **more}
    model = cls(encoder, decoder, **settings)
    model.compile(optimizer or keras.optimizers.Adam(1e-2))
    return model


def small_images(count=40, seed=0):
    """Returns images of zeros and ones."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, size=(count, 4, 4, 1)).astype("float32")


def plain_parts(weights, images, noise):
    """Returns reconstruction loss, KL divergence and added losses, from the paper."""
    kernel1, bias1, kernel2, bias2, kernel3, bias3, kernel4, bias4 = weights
    x = images.reshape(len(images), -1)
    moments = jnp.tanh(x @ kernel1 + bias1) @ kernel2 + bias2
    mean, log_variance = moments[:, :LATENTS], moments[:, LATENTS:]
    z = mean + jnp.sqrt(jnp.exp(log_variance)) * noise
    hidden = jnp.tanh(z @ kernel3 + bias3)
    p = 1 / (1 + jnp.exp(-(hidden @ kernel4 + bias4)))
    likelihood = jnp.sum(x * jnp.log(p) + (1 - x) * jnp.log(1 - p), axis=1)
    # Appendix B of the paper.
    minus_kl = 0.5 * jnp.sum(1 + log_variance - mean**2 - jnp.exp(log_variance), axis=1)
    # Keras divides the losses of activities by the batch size.
    added = L2 * (jnp.sum(kernel1**2) + jnp.sum(hidden**2) / len(images))
    return -jnp.mean(likelihood), -jnp.mean(minus_kl), added


def plain_loss(weights, images, noise):
    """Returns the loss."""
    reconstruction, kl, added = plain_parts(weights, images, noise)
    return reconstruction + BETA * kl + added


def test_five_steps_equal_a_plain_loop():
    """Losses and weights are those of a loop that is written from the paper."""
    images = small_images()
    model = small_model()
    weights = values(model.encoder.weights + model.decoder.weights)
    adam = Adam(weights, 1e-2)
    noises = keras.random.SeedGenerator(7)
    expected = []
    parts_fn = jax.jit(plain_parts)
    grad_fn = jax.jit(jax.value_and_grad(plain_loss))
    for batch in images.reshape(5, 8, 4, 4, 1):
        noise = keras.random.normal((8, LATENTS), seed=noises)
        parts = parts_fn(weights, batch, noise)
        loss, grads = grad_fn(weights, batch, noise)
        expected.append([float(loss), float(parts[0]), float(parts[1])])
        weights = adam.step(weights, grads)

    logs = fit(model, images, batch_size=8)

    reported = [logs[name] for name in ("loss", "reconstruction_loss", "kl_loss")]
    assert_close(np.transpose(reported), running_means(expected))
    assert_close(values(model.encoder.weights + model.decoder.weights), weights)


def test_loss_bounds_the_likelihood():
    """With one latent the likelihood is an integral: the loss is above, but near."""
    images = small_images(16)
    model = small_model(beta=1.0, latent_size=1)
    model.fit(images, batch_size=16, epochs=30, verbose=0)
    z = np.linspace(-8, 8, 2001, dtype="float32")[:, None]
    logits = np.array(model.decoder(z)).reshape(-1, 1, 16)
    x = images.reshape(1, -1, 16)
    log_joint = (x * logits - np.logaddexp(0, logits)).sum(-1) - z**2 / 2
    integral = np.exp(log_joint).sum(0) * (z[1, 0] - z[0, 0]) / np.sqrt(2 * np.pi)
    surprise = -np.log(integral).mean()

    bounds = [np.mean(sum(model.image_losses(images))) for _ in range(50)]

    error = np.std(bounds) / np.sqrt(len(bounds))
    assert surprise - 3 * error < np.mean(bounds) < surprise + 1

    # With many samples, the importance-weighted bound is the likelihood.
    tight = [
        np.mean(model.importance_weighted_losses(images, samples))
        for samples in (1, 8, 512)
    ]
    assert abs(tight[0] - np.mean(bounds)) < 5 * np.std(bounds)
    assert tight[1] < np.mean(bounds)
    assert abs(tight[2] - surprise) < 0.02


def test_evaluation_is_of_the_mean_and_repeats():
    """Evaluation draws nothing, adds up over batches, and knows the parts."""
    images = small_images(40)
    model = small_model(cls=load("vae", evaluation="mean").VAE)
    model.fit(images, batch_size=16, epochs=1, verbose=0)
    seed = np.array(model.seed_generator.state)
    results = model.evaluate(images, batch_size=32, verbose=0, return_dict=True)
    weights = values(model.encoder.weights + model.decoder.weights)

    again = model.evaluate(images, batch_size=32, verbose=0, return_dict=True)
    expected = [plain_parts(weights, x, 0.0) for x in (images[:32], images[32:])]

    assert results == again
    np.testing.assert_array_equal(seed, np.array(model.seed_generator.state))
    parts = np.average(expected, axis=0, weights=[32, 8])
    np.testing.assert_allclose(results["reconstruction_loss"], parts[0], rtol=1e-5)
    np.testing.assert_allclose(results["kl_loss"], parts[1], rtol=1e-5)
    np.testing.assert_allclose(
        results["loss"], parts[0] + BETA * parts[1] + parts[2], rtol=1e-5
    )


def test_evaluation_of_a_sample():
    """By default, evaluation draws: it is the bound."""
    images = small_images(16)
    model = small_model(seed=3)

    results = model.evaluate(images, verbose=0, return_dict=True)

    noise = keras.random.normal((16, LATENTS), seed=keras.random.SeedGenerator(3))
    weights = values(model.encoder.weights + model.decoder.weights)
    parts = plain_parts(weights, images, noise)
    np.testing.assert_allclose(results["reconstruction_loss"], parts[0], rtol=1e-5)
    assert model.evaluate(images, verbose=0, return_dict=True) != results


def test_images_are_made_and_reconstructed():
    """The outputs are probabilities, and every call draws new ones."""
    model = small_model()
    images = small_images(5)

    first, second = model.generate(3), model.generate(3)
    predicted = model.predict(images, verbose=0)

    assert first.shape == (3, 4, 4, 1) and predicted.shape == images.shape
    assert not np.array_equal(first, second)
    for pixels in (first, predicted):
        assert 0 <= pixels.min() and pixels.max() <= 1
    noise = keras.random.normal((3, LATENTS), seed=keras.random.SeedGenerator(7))
    kernel3, bias3, kernel4, bias4 = values(model.decoder.weights)
    logits = np.tanh(noise @ kernel3 + bias3) @ kernel4 + bias4
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(first.reshape(3, -1), expected, rtol=1e-5)


def test_large_log_variances_survive_mixed_float16():
    """A variance that float16 cannot hold does not make the losses infinite."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small_model()
        model.encoder.layers[-1].bias.assign([0.0] * LATENTS + [14.0] * LATENTS)
        losses = model.image_losses(small_images(4), sample=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(np.array(losses)).all()


def test_wrong_shape_of_the_decoder_is_refused():
    """Pixels and logits are compared one by one, and never stretched."""
    model = small_model()
    decoder = keras.Sequential(
        [
            keras.Input((LATENTS,)),
            keras.layers.Dense(4),
            keras.layers.Reshape((1, 4, 1)),
        ]
    )
    wrong = VAE(model.encoder, decoder, LATENTS)
    with pytest.raises(ValueError, match="same shape"):
        wrong.image_losses(small_images(2))


def test_default_model_accepts_what_fit_accepts():
    """Every method takes the same images, also with labels beside them."""
    images = np.random.default_rng(0).integers(0, 2, (16, 8, 8, 1)).astype("float32")
    model = build_model()
    labels = np.zeros(16)

    history = model.fit(images, labels, batch_size=8, verbose=0)
    results = model.evaluate(images, labels, verbose=0, return_dict=True)

    assert set(history.history) == set(results)
    assert model.predict(images, verbose=0).shape == images.shape
    assert np.isfinite(model.train_on_batch(images)).all()


def test_gaussian_steps_equal_a_plain_loop():
    """A trained variance, and a weight of the KL divergence that grows, are exact."""
    generated = load("vae", likelihood="gaussian", kl_warm_up_steps=4)
    model = small_model(cls=generated.VAE, kl_warm_up_steps=4)
    images = np.random.default_rng(0).normal(size=(40, 4, 4, 1)).astype("float32")
    weights = values(model.trained_variables)
    assert len(weights) == 9 and weights[-1].shape == ()
    adam = Adam(weights, 1e-2)
    noises = keras.random.SeedGenerator(7)

    def plain_loss(weights, images, noise, share):
        kernel1, bias1, kernel2, bias2, kernel3, bias3, kernel4, bias4, spread = weights
        x = images.reshape(len(images), -1)
        moments = jnp.tanh(x @ kernel1 + bias1) @ kernel2 + bias2
        mean, log_variance = moments[:, :LATENTS], moments[:, LATENTS:]
        hidden = jnp.tanh((mean + jnp.exp(log_variance / 2) * noise) @ kernel3 + bias3)
        found = hidden @ kernel4 + bias4
        deviation = jnp.exp(spread / 2)
        density = jax.scipy.stats.norm.logpdf(x, found, deviation)
        kl = jnp.exp(log_variance) + mean**2 - 1 - log_variance
        added = jnp.sum(kernel1**2) + jnp.sum(hidden**2) / len(images)
        parts = -jnp.mean(jnp.sum(density, axis=1)), jnp.mean(jnp.sum(kl, axis=1)) / 2
        return parts[0] + share * BETA * parts[1] + L2 * added, parts

    grad_fn = jax.jit(jax.value_and_grad(plain_loss, has_aux=True))
    expected = []
    for step, batch in enumerate(images.reshape(5, 8, 4, 4, 1)):
        noise = keras.random.normal((8, LATENTS), seed=noises)
        (loss, parts), grads = grad_fn(weights, batch, noise, min(step / 4, 1.0))
        expected.append([float(loss), *map(float, parts)])
        weights = adam.step(weights, grads)

    logs = fit(model, images, batch_size=8)

    reported = [logs[name] for name in ("loss", "reconstruction_loss", "kl_loss")]
    assert_close(np.transpose(reported), running_means(expected))
    assert_close(values(model.trained_variables), weights)
    assert model.predict(images, verbose=0).min() < 0
    assert {"loss", "reconstruction_loss", "kl_loss"} == {
        *model.evaluate(3 * images, verbose=0, return_dict=True)
    }
