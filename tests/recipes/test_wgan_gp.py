"""WGAN-GP against a plain loop, and its penalty against finite differences."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from loops import Adam, assert_close, fit, load, values

WGANGP, StepState = load("wgan-gp").WGANGP, load("wgan-gp").StepState

LATENT = 3
STEPS = 3
SHAPE = (2, 3, 1)
PIXELS = 6


def networks(normalized=False):
    """Builds small networks."""
    generator = [
        keras.Input((LATENT,)),
        keras.layers.Dense(8, activation="tanh"),
        keras.layers.Dense(PIXELS, activation="sigmoid"),
        keras.layers.Reshape(SHAPE),
    ]
    if normalized:
        generator.insert(2, keras.layers.BatchNormalization())
    critic = [
        keras.Input(SHAPE),
        keras.layers.Flatten(),
        keras.layers.Dense(7, activation="tanh"),
        keras.layers.Dense(1),
    ]
    return keras.Sequential(generator), keras.Sequential(critic)


def small_model(normalized=False, optimizers=None, cls=WGANGP, **kwargs):
    """Builds and compiles a small model."""
    keras.utils.set_random_seed(1)
    settings = {"latent_size": LATENT, "critic_steps": STEPS, "seed": 5, **kwargs}
    model = cls(*networks(normalized), **settings)
    # Biases that are not 0 and scores that are steep enough: a stricter test.
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape, scale=0.7))
    model.compile(
        *(
            optimizers
            or (
                keras.optimizers.Adam(2e-3, beta_1=0.5),
                keras.optimizers.Adam(5e-3, beta_1=0.5, beta_2=0.9),
            )
        )
    )
    return model


def images(rows=36, seed=0):
    """Makes random images."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(rows, *SHAPE)).astype("float32")


# The algorithm as pure functions of arrays.


def generator_forward(weights, noise):
    """Runs the generator."""
    kernel1, bias1, kernel2, bias2 = weights
    hidden = jnp.tanh(noise @ kernel1 + bias1)
    return 1 / (1 + jnp.exp(-(hidden @ kernel2 + bias2)))


def critic_forward(weights, flat):
    """Runs the critic."""
    kernel1, bias1, kernel2, bias2 = weights
    return (jnp.tanh(flat @ kernel1 + bias1) @ kernel2 + bias2)[:, 0]


def critic_gradient(weights, flat):
    """The gradient of each score with respect to its image, derived by hand."""
    kernel1, bias1, kernel2, _ = weights
    slope = 1 - jnp.tanh(flat @ kernel1 + bias1) ** 2
    return (slope * kernel2[:, 0]) @ kernel1.T


def reference_penalty(weights, between):
    """Returns the penalty: the last term of equation 3."""
    norms = jnp.sqrt(jnp.sum(critic_gradient(weights, between) ** 2, axis=1))
    return jnp.mean((norms - 1) ** 2)


def reference_critic_loss(weights, generator, real, noise, mix, penalty):
    """Returns equation 3, and the estimate in it."""
    fake = generator_forward(generator, noise)
    between = mix * real + (1 - mix) * fake
    estimate = critic_forward(weights, real).mean()
    estimate -= critic_forward(weights, fake).mean()
    loss = -estimate + penalty * reference_penalty(weights, between)
    return loss, estimate


def reference_generator_loss(weights, critic, noise):
    """Returns the generator's loss."""
    return -critic_forward(critic, generator_forward(weights, noise)).mean()


def reference(generator, critic, batches, penalty, fresh=False):
    """Trains both networks; returns them, and each step's losses and estimate.

    With `fresh`, each step of the critic gets its part of a batch.
    """
    seeds = keras.random.SeedGenerator(5)
    adam = Adam(generator, 2e-3, 0.5)
    critic_adam = Adam(critic, 5e-3, 0.5, 0.9)
    critic_grad_fn = jax.jit(jax.value_and_grad(reference_critic_loss, has_aux=True))
    generator_grad_fn = jax.jit(jax.value_and_grad(reference_generator_loss))
    history = []
    for batch in batches:
        flat = batch.reshape(len(batch), -1)
        size = len(batch) // STEPS
        parts = [flat[k * size : (k + 1) * size] for k in range(STEPS)]
        losses, estimates = [], []
        for real in parts if fresh else [flat] * STEPS:
            noise = keras.random.normal((len(real), LATENT), seed=seeds)
            mix = keras.random.uniform((len(real), 1, 1, 1), seed=seeds)
            (loss, estimate), grads = critic_grad_fn(
                critic, generator, real, noise, mix.reshape(-1, 1), penalty
            )
            critic = critic_adam.step(critic, grads)
            losses.append(loss)
            estimates.append(estimate)
        noise = keras.random.normal((len(real), LATENT), seed=seeds)
        loss, grads = generator_grad_fn(generator, critic, noise)
        generator = adam.step(generator, grads)
        history.append((np.mean(losses), loss, np.mean(estimates)))
    return generator, critic, np.array(history)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fresh", [False, True])
def test_five_steps_equal_a_plain_loop(fresh):
    """Losses and weights are the paper's, the last batch smaller than the others."""
    cls = load("wgan-gp", fresh_batches=fresh).WGANGP
    model = small_model(gradient_penalty=3.0, cls=cls)
    x = images()
    batches = [x[i : i + 8] for i in range(0, 36, 8)]
    generator, critic, history = reference(
        values(model.generator.trainable_variables),
        values(model.critic.trainable_variables),
        batches,
        penalty=3.0,
        fresh=fresh,
    )

    logs = fit(model, x, batch_size=8)

    assert_close(values(model.generator.trainable_variables), generator)
    assert_close(values(model.critic.trainable_variables), critic)
    parts = STEPS if fresh else 1
    sizes = np.array([len(batch) // parts for batch in batches])[:, None]
    means = np.cumsum(history * sizes, axis=0) / np.cumsum(sizes, axis=0)
    names = "critic_loss", "generator_loss", "wasserstein_estimate"
    assert_close(np.transpose([logs[name] for name in names]), means)
    assert (5, 5 * STEPS) == (
        model.optimizer.iterations,
        model.critic_optimizer.iterations,
    )


def penalty_of(model, critic_values, x, generated):
    """Computes the model's penalty with other weights of the critic."""
    state = [
        [v.value for v in group]
        for group in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.metrics_variables,
        )
    ]
    with StepState(model, state) as step:
        step.write(model.critic.trainable_variables, critic_values)
        return model.penalty(x, generated)


def test_penalty_gradient_by_finite_differences():
    """Its gradient, of a gradient, is the slope that differences show."""
    model = small_model()
    x, generated = images(), images(seed=1)
    start = [v.value for v in model.critic.trainable_variables]
    function = jax.jit(lambda weights: penalty_of(model, weights, x, generated))
    grads = jax.jit(jax.grad(function))(start)
    rng = np.random.default_rng(3)
    for _ in range(5):
        direction = [rng.normal(size=v.shape).astype("float32") for v in start]
        step = 1e-3
        ahead = function([v + step * d for v, d in zip(start, direction, strict=True)])
        behind = function([v - step * d for v, d in zip(start, direction, strict=True)])
        slope = sum(float((g * d).sum()) for g, d in zip(grads, direction, strict=True))
        assert abs(slope) > 0.01
        np.testing.assert_allclose((ahead - behind) / 2 / step, slope, rtol=1e-2)


def test_penalty_of_a_flat_critic_is_safe():
    """Where the norm is 0, nothing becomes infinite."""
    model = small_model()
    flat = [np.zeros(v.shape, "float32") for v in model.critic.trainable_variables]
    x, generated = images(), images(seed=1)
    function = jax.jit(
        jax.value_and_grad(lambda weights: penalty_of(model, weights, x, generated))
    )
    value, grads = function(flat)
    np.testing.assert_allclose(value, 1, rtol=1e-4)
    assert all(np.isfinite(g).all() for g in grads)


def test_penalty_of_a_linear_critic():
    """The norm is taken over all pixels of an image."""
    # The gradient is the kernel, the same for all images: norm 5 over all pixels.
    critic = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    critic.set_weights([np.array([[3.0], [0.0], [4.0], [0.0]]), np.zeros(1)])
    model = WGANGP(networks()[0], critic, latent_size=LATENT)
    x = np.random.default_rng(0).uniform(size=(6, 2, 2, 1)).astype("float32")
    np.testing.assert_allclose(model.penalty(x, 1 - x), 16, rtol=1e-6)


def count_equations(jaxpr):
    """Counts the equations of a program, inner ones too."""
    count = 0
    for equation in jaxpr.eqns:
        count += 1
        for inner in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda p: hasattr(p, "jaxpr") or hasattr(p, "eqns"),
        ):
            if hasattr(inner, "jaxpr"):
                count += count_equations(inner.jaxpr)
            elif hasattr(inner, "eqns"):
                count += count_equations(inner)
    return count


def test_program_does_not_grow_with_critic_steps():
    """The critic's steps are one loop, which is not unrolled."""
    counts = []
    for steps in (1, 50):
        model = small_model(critic_steps=steps)
        state = tuple(
            [v.value for v in group]
            for group in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
                model.metrics_variables,
            )
        )
        jaxpr = jax.make_jaxpr(model.train_step)(state, (images(),))
        assert [e.params["length"] for e in jaxpr.eqns if "length" in e.params] == [
            steps
        ]
        counts.append(count_equations(jaxpr.jaxpr))
    assert counts[0] == counts[1] > 100


def test_layers_with_state():
    """BatchNorm in the generator and dropout in the critic are carried along."""
    # BatchNormalization in the generator, Dropout in the critic.
    keras.utils.set_random_seed(0)
    critic = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(7, kernel_regularizer="l2"),
            keras.layers.LayerNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model = WGANGP(networks(normalized=True)[0], critic, latent_size=LATENT)
    model.compile()
    before = values(model.non_trainable_variables)
    assert sum("seed" in v.path for v in model.non_trainable_variables) == 2
    model.fit(images(), batch_size=12, verbose=0)
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        if "moving" in variable.path or "seed" in variable.path:
            assert not np.array_equal(variable, value), variable.path


def test_refusals():
    """What cannot work is refused when the model is made."""
    with pytest.raises(ValueError, match="critic_steps"):
        small_model(critic_steps=0)
    generator, _ = networks()
    critic = keras.Sequential([keras.Input(SHAPE), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="BatchNormalization"):
        WGANGP(generator, critic, latent_size=LATENT)


def test_average_generates():
    """With `--ema-decay`, an average of the generator's weights makes the images."""
    model = small_model(cls=load("wgan-gp", ema_decay=0.5).WGANGP)
    average = values(model.ema_generator.weights)
    for step, batch in enumerate(images().reshape(3, 12, *SHAPE)):
        fit(model, batch, batch_size=12)
        decay = min(0.5, 1 - 1 / (step + 2))
        pairs = zip(average, values(model.generator.weights), strict=True)
        average = [decay * mean + (1 - decay) * new for mean, new in pairs]
    seeds = keras.random.SeedGenerator(0)
    seeds.state.assign(np.array(model.seed_generator.state))
    noise = keras.random.normal((4, LATENT), seed=seeds)
    made = model.generate(4).reshape(4, -1)

    assert_close(values(model.ema_generator.weights), average)
    np.testing.assert_allclose(made, generator_forward(average, noise), rtol=1e-5)
    assert not any(v.trainable for v in model.ema_generator.weights)


def test_small_batch_is_refused():
    """With `--fresh-batches`, a batch has an image for each step of the critic."""
    model = small_model(cls=load("wgan-gp", fresh_batches=True).WGANGP)
    with pytest.raises(ValueError, match="Pass a larger batch_size"):
        fit(model, images(2), batch_size=2)
