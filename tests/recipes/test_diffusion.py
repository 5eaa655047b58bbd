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


def averaged(average, weights, step):
    """Returns the moving average, which starts as a mean of the weights so far."""
    decay = min(DECAY, (step + 1) / (step + 2))
    pairs = zip(average, weights, strict=True)
    return [decay * mean + (1 - decay) * new for mean, new in pairs]


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
        average = averaged(average, weights, len(errors))
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
    made = model.generate(4, batch_size=4)

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
        program = jax.make_jaxpr(lambda s, m=model: m.sample(s, 2, m.timesteps))(state)
        lengths.append(len(str(program).splitlines()))

    assert lengths[0] == lengths[1]


def test_average_is_not_decayed():
    """AdamW decays the network, and does not know of the averaged one."""
    # Five steps take a fifth of the network's weights; the average hardly moves.
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    model = small_model(optimizer, ema_decay=1 - 1e-5)
    model.step_counter.assign(10**6)
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


CLASSES = 3


def guided_network():
    """Builds a small network from images, times and labels to velocities."""
    images, times = keras.Input(PIXELS), keras.Input((1,))
    labels = keras.Input((), dtype="int32")
    known = keras.layers.Embedding(CLASSES + 1, 2)(labels)
    parts = [keras.layers.Flatten()(images), times, known]
    hidden = keras.layers.Concatenate()(parts)
    hidden = keras.layers.Dense(7, activation="tanh")(hidden)
    velocity = keras.layers.Reshape(PIXELS)(keras.layers.Dense(6)(hidden))
    return keras.Model([images, times, labels], velocity)


def guided_model(optimizer="adam"):
    """Builds and compiles a small model that predicts velocities, given labels."""
    keras.utils.set_random_seed(0)
    guided = load("diffusion", conditional=True, prediction="velocity")
    model = guided.Diffusion(
        guided_network(), classes=CLASSES, timesteps=STEPS, ema_decay=DECAY, seed=5
    )
    model.compile(optimizer)
    return model


def velocity_of(weights, x, times, labels):
    """Runs the network with labels."""
    table, *others = weights
    kernel, bias, kernel_2, bias_2 = others
    both = [x.reshape(len(x), -1), times[:, None], table[labels]]
    return jnp.tanh(jnp.concatenate(both, axis=1) @ kernel + bias) @ kernel_2 + bias_2


def test_guided_steps_equal_a_plain_loop():
    """Velocities and labels that are dropped equal the papers' equations in JAX."""
    model, images = guided_model(keras.optimizers.Adam(0.01)), some_images()
    labels = np.random.default_rng(1).integers(CLASSES, size=len(images))
    weights = average = values(model.network.weights)
    adam, seeds = Adam(weights, 0.01), keras.random.SeedGenerator(5)

    def loss_fn(weights, images, labels, timesteps, noise):
        share = jnp.asarray(schedule(), "float32")[timesteps][:, None]
        flat, noise = (x.reshape(len(x), -1) for x in (2 * images - 1, noise))
        alpha, sigma = jnp.sqrt(share), jnp.sqrt(1 - share)
        found = velocity_of(
            weights, alpha * flat + sigma * noise, timesteps / STEPS, labels
        )
        return jnp.mean((found - (alpha * noise - sigma * flat)) ** 2)

    step_fn, errors, dropped = jax.jit(jax.value_and_grad(loss_fn)), [], 0
    for k in range(5):
        rows = slice(k * BATCH, (k + 1) * BATCH)
        lost = keras.random.uniform((BATCH,), seed=seeds) < 0.1
        dropped += int(lost.sum())
        known = np.where(lost, CLASSES, labels[rows])
        error, grads = step_fn(weights, images[rows], known, *draw(seeds, BATCH))
        weights = adam.step(weights, grads)
        average = averaged(average, weights, k)
        errors.append([error])

    logs = fit(model, images, labels, batch_size=BATCH)

    assert dropped
    assert_close(logs["velocity_loss"][:, None], running_means(errors))
    assert_close(values(model.network.weights), weights)
    assert_close(values(model.ema_network.weights), average)


def test_guided_sampler_is_ddim():
    """Few steps are equation 12 of Song et al. without noise, with guidance."""
    model = guided_model(keras.optimizers.Adam(0.1))
    images = some_images()
    fit(model, images, np.arange(len(images)) % CLASSES, epochs=2)
    start, labels = values([model.seed_generator.state])[0], np.array([0, 1, 2, 1])
    made = model.generate(labels, guidance=3.0, steps=4, batch_size=4)

    seeds, share = keras.random.SeedGenerator(0), schedule()
    seeds.state.assign(start)
    weights = values(model.ema_network.weights)
    x = np.array(keras.random.normal((4, *PIXELS), seed=seeds)).reshape(4, -1)
    for t in (12, 9, 6, 3):
        alpha, sigma = np.sqrt(share[t]), np.sqrt(1 - share[t])
        times = jnp.full(4, t / STEPS)
        known = np.array(velocity_of(weights, x, times, labels))
        unknown = np.array(velocity_of(weights, x, times, np.full(4, CLASSES)))
        velocity = unknown + 3 * (known - unknown)
        image = np.clip(alpha * x - sigma * velocity, -2, 2)
        noise = (x - alpha * image) / sigma
        x = np.sqrt(share[t - 3]) * image + np.sqrt(1 - share[t - 3]) * noise

    np.testing.assert_allclose(made.reshape(4, -1), (x + 1) / 2, rtol=1e-4, atol=1e-4)


def test_generate_compiles_once():
    """Other counts are made of batches of the same size."""
    model = small_model()
    counts = [len(model.generate(count, batch_size=4)) for count in (1, 4, 9)]
    assert [1, 4, 9] == counts
    assert 1 == model.compiled_sample._cache_size()
    with pytest.raises(ValueError, match="steps must be from 1 to 12, not 13"):
        model.generate(1, steps=13)


def test_average_starts_early():
    """With a long memory, the average still leaves the initial weights at once."""
    model = small_model(keras.optimizers.Adam(0.01), ema_decay=0.9999)
    before = values(model.network.weights)
    fit(model, some_images(), epochs=4)
    networks = model.ema_network, model.network
    pairs = zip(before, *(values(x.weights) for x in networks), strict=True)
    for old, mean, new in pairs:
        assert np.abs(mean - old).max() > 0.2 * np.abs(new - old).max()
