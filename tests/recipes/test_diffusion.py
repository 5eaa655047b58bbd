"""Diffusion against a plain loop: timesteps, noise, and an average of the weights."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, assert_same, fit, load, running_means, values

module = load("diffusion")

PIXELS, STEPS, DECAY, BATCH = (2, 3, 1), 12, 0.7, 8


def network():
    """Builds a small network from images and times to noise."""
    images, times = keras.Input(PIXELS), keras.Input((1,))
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(images), times])
    penalty = keras.regularizers.L2(0.01)
    hidden = keras.layers.Dense(7, activation="tanh", kernel_regularizer=penalty)(
        hidden
    )
    noise = keras.layers.Reshape(PIXELS)(keras.layers.Dense(6)(hidden))
    return keras.Model([images, times], noise)


def small_model(optimizer="adam", **settings):
    """Builds and compiles a small model."""
    keras.utils.set_random_seed(0)
    settings = {"timesteps": STEPS, "ema_decay": DECAY, "seed": 5, **settings}
    model = module.Diffusion(network(), **settings)
    model.compile(optimizer)
    return model


def some_images(count=5 * BATCH):
    """Makes random images."""
    return np.random.default_rng(0).uniform(size=(count, *PIXELS)).astype("float32")


def schedule() -> np.ndarray:
    """Returns the cumulated share of the image, from equation 17 of Nichol et al."""
    f = np.cos((np.arange(STEPS + 1) / STEPS + 0.008) / 1.008 * np.pi / 2) ** 2
    betas = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return np.cumprod([1.0, *(1 - betas)])


def forward(weights, x, times):
    """Runs the network."""
    kernel, bias, kernel_2, bias_2 = weights
    both = jnp.concatenate([x.reshape(len(x), -1), times[:, None]], axis=1)
    return jnp.tanh(both @ kernel + bias) @ kernel_2 + bias_2


def noise_error(weights, images, timesteps, noise):
    """Returns the simplified objective of Ho et al., equation 14."""
    share = jnp.asarray(schedule(), "float32")[timesteps][:, None]
    flat, noise = 2 * images.reshape(len(images), -1) - 1, noise.reshape(
        len(images), -1
    )
    noisy = jnp.sqrt(share) * flat + jnp.sqrt(1 - share) * noise
    return jnp.mean((noise - forward(weights, noisy, timesteps / STEPS)) ** 2)


def draw(seeds, rows):
    """Draws the timesteps and the noise of a batch."""
    timesteps = keras.random.randint((rows,), 1, STEPS + 1, seed=seeds)
    return timesteps, keras.random.normal((rows, *PIXELS), seed=seeds)


def test_five_steps_equal_a_plain_loop():
    """Losses, weights and averaged weights equal the papers' equations in plain JAX."""
    model, images = small_model(keras.optimizers.Adam(0.01)), some_images()
    weights = average = values(model.network.weights)
    adam, seeds = Adam(weights, 0.01), keras.random.SeedGenerator(5)

    def loss_fn(weights, *batch):
        error = noise_error(weights, *batch)
        return error + 0.01 * jnp.sum(weights[0] ** 2), error

    grad_fn, errors = jax.jit(jax.grad(loss_fn, has_aux=True)), []
    for batch in images.reshape(5, BATCH, *PIXELS):
        grads, error = grad_fn(weights, batch, *draw(seeds, BATCH))
        weights = adam.step(weights, grads)
        average = [
            DECAY * mean + (1 - DECAY) * new
            for mean, new in zip(average, weights, strict=True)
        ]
        errors.append([error])

    logs = fit(model, images, batch_size=BATCH)

    assert_close(logs["noise_loss"][:, None], running_means(errors))
    assert_close(values(model.network.weights), weights)
    assert_close(values(model.ema_network.weights), average)


def test_evaluation_is_of_the_average():
    """The averaged network is evaluated, and nothing else."""
    model, images = small_model(keras.optimizers.Adam(0.1)), some_images(BATCH)
    fit(model, images, epochs=3)
    seeds = keras.random.SeedGenerator(0)
    model.seed_generator.state.assign(values([seeds.state])[0])
    result = model.evaluate(images, batch_size=BATCH, verbose=0)
    batch = images, *draw(seeds, BATCH)

    expected = noise_error(values(model.ema_network.weights), *batch)
    other = noise_error(values(model.network.weights), *batch)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert abs(other - expected) > 1e-3


def test_sampler_is_the_paper_s():
    """`generate()` is algorithm 2 of Ho et al., with images kept from -2 to 2."""
    model = small_model(keras.optimizers.Adam(0.1))
    fit(model, some_images(), epochs=2)
    start = values([model.seed_generator.state])[0]
    made = model.generate(4)

    seeds, share = keras.random.SeedGenerator(0), schedule()
    seeds.state.assign(start)
    weights = values(model.ema_network.weights)
    x = np.array(keras.random.normal((4, *PIXELS), seed=seeds)).reshape(4, -1)
    for t in range(STEPS, 0, -1):
        found = np.array(forward(weights, x, jnp.full(4, t / STEPS)))
        image = (x - np.sqrt(1 - share[t]) * found) / np.sqrt(share[t])
        image = np.clip(image, -2, 2)
        beta = 1 - share[t] / share[t - 1]
        # Equations 6 and 7: the mean and the variance of the step before.
        mean = np.sqrt(share[t - 1]) * beta / (1 - share[t]) * image
        mean += np.sqrt(1 - beta) * (1 - share[t - 1]) / (1 - share[t]) * x
        variance = (1 - share[t - 1]) / (1 - share[t]) * beta
        noise = np.array(keras.random.normal((4, *PIXELS), seed=seeds)).reshape(4, -1)
        x = mean + np.sqrt(variance) * noise

    np.testing.assert_allclose(made.reshape(4, -1), (x + 1) / 2, rtol=1e-4, atol=1e-4)
    assert not np.array_equal(made, model.generate(4))
    assert_same([model.seed_generator.state.shape], [(2,)])


def test_sampler_is_one_loop():
    """The program does not grow with the timesteps."""
    lengths = []
    for timesteps in (3, 60):
        model = small_model(timesteps=timesteps)
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.metrics_variables,
        )
        state = tuple([v.value for v in group] for group in groups)
        program = jax.make_jaxpr(lambda s, m=model: m.sample(s, 2))(state)
        lengths.append(len(str(program).splitlines()))

    assert lengths[0] == lengths[1]


def test_average_is_not_decayed():
    """AdamW decays the network, and does not know of the averaged one."""
    # Five steps take a fifth of the network's weights; the average hardly moves.
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    model = small_model(optimizer, ema_decay=1 - 1e-5)
    before = values(model.ema_network.weights)
    fit(model, some_images())

    for old, new in zip(before, values(model.ema_network.weights), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-4)
    moved = zip(before, values(model.network.weights), strict=True)
    assert all(np.abs(new - old).max() > 0.05 for old, new in moved)
    assert 2 + 2 * 4 == len(model.optimizer.variables)
    assert {id(v) for v in model.trainable_variables} == {
        id(v) for v in model.network.trainable_variables
    }


@pytest.mark.parametrize("timesteps", [2, 200])
def test_schedule(timesteps):
    """It falls from 1 to almost 0, and no step takes everything."""
    share = np.array(module.cosine_schedule(timesteps))

    assert timesteps + 1 == len(share) and 1 == share[0]
    assert (np.diff(share) < 0).all() and 0 < share[-1] < 1e-2
    assert (share[1:] / share[:-1] >= 0.000999).all()
