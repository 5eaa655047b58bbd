"""The GAN against a plain loop: two networks, two optimizers, moving statistics."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, fit, load, running_means, values
from sklearn.datasets import load_digits

PIXELS, LATENT, CLASSES, BATCH = 6, 3, 4, 8


def networks(conditional):
    """Builds small networks, each with BatchNorm."""
    known = keras.Input((), dtype="int32")
    seen = [keras.layers.Embedding(CLASSES, 2)(known)] if conditional else []

    def inputs(size):
        x = keras.Input((size,))
        both = keras.layers.Concatenate()([x, *seen]) if seen else x
        return ([x, known] if seen else x), both

    noise, hidden = inputs(LATENT)
    hidden = keras.layers.Dense(5, activation="tanh")(hidden)
    hidden = keras.layers.BatchNormalization(momentum=0.9)(hidden)
    generator = keras.Model(noise, keras.layers.Dense(PIXELS)(hidden))
    seen = [keras.layers.Embedding(CLASSES, 2)(known)] if conditional else []
    images, hidden = inputs(PIXELS)
    penalty = keras.regularizers.L2(0.01)
    hidden = keras.layers.Dense(4, activation="tanh", kernel_regularizer=penalty)(
        hidden
    )
    hidden = keras.layers.BatchNormalization(momentum=0.9)(hidden)
    return generator, keras.Model(images, keras.layers.Dense(1)(hidden))


def run(weights, statistics, x, labels, conditional):
    """Runs one of the networks on a batch, by its equations.

    Returns:
        What it puts out, and its moving statistics afterwards.
    """
    weights = list(weights)
    if conditional:
        x = jnp.concatenate([x, weights.pop(0)[labels]], axis=1)
    first, shift, gamma, beta, kernel, bias = weights
    hidden = jnp.tanh(x @ first + shift)
    mean, variance = jnp.mean(hidden, axis=0), jnp.var(hidden, axis=0)
    moved = [
        0.9 * old + 0.1 * new
        for old, new in zip(statistics, (mean, variance), strict=True)
    ]
    hidden = (hidden - mean) / jnp.sqrt(variance + 1e-3) * gamma + beta
    return hidden @ kernel + bias, moved


def log_sigmoid(x):
    """Returns the logarithm of the probability that a logit stands for."""
    return -jnp.log1p(jnp.exp(-x))


@pytest.mark.parametrize(
    "conditional", [pytest.param(False, marks=pytest.mark.exhaustive), True]
)
def test_five_steps_equal_a_plain_loop(conditional):
    """Losses, weights and moving statistics equal the paper's equations in JAX."""
    module = load("gan", conditional=conditional)
    keras.utils.set_random_seed(0)
    generator, discriminator = networks(conditional)
    model = module.GAN(generator, discriminator, latent_size=LATENT, seed=5)
    model.compile(keras.optimizers.Adam(1e-2, 0.5), keras.optimizers.Adam(3e-3, 0.4))
    rng = np.random.default_rng(0)
    images = rng.normal(size=(5 * BATCH, PIXELS)).astype("float32")
    labels = rng.integers(CLASSES, size=5 * BATCH).astype("int32")

    makes = values(generator.trainable_variables)
    tells = values(discriminator.trainable_variables)
    made = values(generator.non_trainable_variables)
    told = values(discriminator.non_trainable_variables)
    adam, other_adam = Adam(makes, 1e-2, 0.5), Adam(tells, 3e-3, 0.4)
    noises = keras.random.SeedGenerator(5)

    def generate(makes, made, noise, y):
        return run(makes, made, noise, y, conditional)

    def tell(tells, told, x, y):
        return run(tells, told, x, y, conditional)

    def discriminator_loss(tells, told, makes, made, x, y, noise):
        fakes, made = generate(makes, made, noise, y)
        real, told = tell(tells, told, x, y)
        fake, told = tell(tells, told, fakes, y)
        # Equation 1: log D(x) + log(1 - D(G(z))), to be maximized.
        value = jnp.mean(log_sigmoid(real)) + jnp.mean(log_sigmoid(-fake))
        kernel = tells[1] if conditional else tells[0]
        return -value + 0.01 * jnp.sum(kernel**2), (-value, told, made)

    def generator_loss(makes, made, tells, told, y, noise):
        fakes, made = generate(makes, made, noise, y)
        fake, told = tell(tells, told, fakes, y)
        # Section 3: log D(G(z)) is maximized.
        value = jnp.mean(log_sigmoid(fake))
        return -value, (-value, told, made)

    expected = []
    for step in range(5):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        x, y = images[rows], labels[rows]
        noise = keras.random.normal((BATCH, LATENT), seed=noises)
        grads, (first, told, made) = jax.grad(discriminator_loss, has_aux=True)(
            tells, told, makes, made, x, y, noise
        )
        tells = other_adam.step(tells, grads)
        noise = keras.random.normal((BATCH, LATENT), seed=noises)
        grads, (second, told, made) = jax.grad(generator_loss, has_aux=True)(
            makes, made, tells, told, y, noise
        )
        makes = adam.step(makes, grads)
        expected.append((first, second))

    logs = fit(model, [images, labels] if conditional else images, batch_size=BATCH)

    reported = [logs["discriminator_loss"], logs["generator_loss"]]
    assert_close(np.transpose(reported), running_means(expected))
    assert_close(values(generator.trainable_variables), makes)
    assert_close(values(discriminator.trainable_variables), tells)
    assert_close(values(generator.non_trainable_variables), made)
    assert_close(values(discriminator.non_trainable_variables), told)


def test_each_optimizer_has_its_own_network():
    """Neither has moments of the other's; compiling again drops the old ones."""
    module = load("gan", conditional=False)
    model = module.build_model()
    model.compile("adamw", "sgd")
    model.compile("adam", keras.optimizers.SGD(momentum=0.9))
    two = len(model.discriminator.trainable_variables)

    # Adam has two moments for each variable and two numbers, SGD one of each.
    one = len(model.generator.trainable_variables)
    assert 2 + 2 * one == len(model.generator_optimizer.variables)
    assert 2 + two == len(model.discriminator_optimizer.variables)
    assert 4 + 2 * one + two == len(model.optimizer.variables)


def test_classes_can_be_chosen():
    """The labels that `generate()` gets decide what comes out."""
    module = load("gan", conditional=True)
    keras.utils.set_random_seed(0)
    model = module.build_model()

    def made(label):
        model.seed_generator.state.assign([0, 0])
        return model.generate(np.full(2, label, "int32"))

    assert made(3).shape == (2, 8, 8, 1)
    assert np.array_equal(made(3), made(3))
    assert not np.allclose(made(3), made(4))


def test_kernel_distance():
    """It equals equation 3 of Gretton et al. A single image has no weight."""
    module = load("gan", conditional=False)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 3, 1)).astype("float32")
    median = np.median([[np.sum((a - b) ** 2) for a in y] for b in y])

    def kernel(a, b):
        squared = np.sum((a - b) ** 2)
        widths = median / 2, median / 4, median / 8
        return np.mean([np.exp(-squared / width) for width in widths])

    pairs = [(i, j) for i in range(5) for j in range(5)]
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs if i != j)
    across = sum(kernel(x[i], y[j]) for i, j in pairs)
    distance = module.kernel_distance(x, y)

    assert np.isclose(within / 20 - 2 * across / 25, distance, rtol=1e-5)
    model = module.build_model()
    images = rng.uniform(size=(5, 8, 8, 1)).astype("float32")
    results = model.evaluate(images, batch_size=4, verbose=0)
    assert np.isfinite(results)


@pytest.fixture(scope="module")
def digits():
    """Two disjoint sets of 400 digits, eight times, and digits that are spoilt."""
    images = load_digits().images[..., None].astype("float32") / 16
    rng = np.random.default_rng(0)
    halves = [rng.permutation(images)[:800].reshape(2, 400, 8, 8, 1) for _ in range(8)]
    flat = images.reshape(len(images), -1)
    gaussian = rng.multivariate_normal(flat.mean(axis=0), np.cov(flat.T), 400)
    half_black = np.copy(halves[0][0])
    half_black[:, :, :4] = 0
    spoilt = {
        "a fitted Gaussian": gaussian.reshape(400, 8, 8, 1).astype("float32"),
        "half black": half_black,
    }
    return halves, spoilt, rng


@pytest.mark.parametrize("size", [(8, 8, 1), (28, 28, 1), (64, 64, 3)])
def test_distance_at_every_size(digits, size):
    """Enlarged digits have the same distances, and bad images larger ones."""
    module = load("gan", conditional=False)
    halves, spoilt, rng = digits

    def enlarge(images):
        larger = keras.ops.image.resize(images, size[:2], "bilinear")
        return np.repeat(keras.ops.convert_to_numpy(larger), size[2], axis=-1)

    real = enlarge(halves[0][1])
    noise = rng.uniform(size=real.shape).astype("float32")
    same = [module.kernel_distance(*map(enlarge, pair)) for pair in halves]
    error = float(np.std(same))

    assert abs(float(same[0])) < 3 * error
    assert float(module.kernel_distance(noise, real)) > 10 * error
    for images in spoilt.values():
        distance = float(module.kernel_distance(enlarge(images), real))
        plain = float(module.kernel_distance(images, halves[0][1]))
        assert distance > 10 * error
        assert abs(distance / plain - 1) < 0.2


@pytest.mark.parametrize("recipe", ["gan", "wgan-gp"])
def test_distance_of_features(recipe, tmp_path):
    """Images are compared by the features that a user passes, which are saved."""
    module = load(recipe)
    plain = module.build_model()
    features = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    [critic] = [x for x in plain.layers if x.name in ("critic", "discriminator")]
    model = type(plain)(plain.generator, critic, features=features, seed=1)
    model.compile()
    images = np.random.default_rng(0).uniform(size=(20, 8, 8, 1)).astype("float32")
    model.save(tmp_path / "model.keras")
    # Other tests register other variants of the class.
    keras.saving.register_keras_serializable()(type(plain))
    other = keras.saving.load_model(tmp_path / "model.keras")
    expected = module.kernel_distance(features(other.draw(20)), features(images))
    other.seed_generator.state.assign(np.array(model.seed_generator.state))

    for one in (model, other):
        found = one.evaluate(images, batch_size=20, verbose=0)
        assert np.isclose(found, expected, rtol=1e-4), one


def test_average_of_a_conditional_generator(tmp_path):
    """With `--ema-decay`, the average makes images of a class, and is saved."""
    module = load("gan", conditional=True, ema_decay=0.9)
    keras.utils.set_random_seed(0)
    model = module.build_model()
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(16, 8, 8, 1)).astype("float32")
    fit(model, images, rng.integers(10, size=16))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    networks = model.ema_generator, model.generator
    pairs = zip(*(values(network.weights) for network in networks), strict=True)
    assert any(not np.array_equal(mean, new) for mean, new in pairs)
    labels = np.arange(4)
    made, again = model.generate(labels), loaded.generate(np.eye(10)[labels])
    assert np.array_equal(made, again)
    model.ema_generator.set_weights(model.generator.get_weights())
    model.seed_generator.state.assign(np.array([0, 0]))
    other = model.generate(labels)
    assert not np.array_equal(made, other)
