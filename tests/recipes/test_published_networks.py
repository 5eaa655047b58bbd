"""The networks and the image sizes of published examples, on random images.

The networks follow examples of keras.io, with the interfaces of our recipes: logits
instead of a sigmoid where the loss takes logits, and a time instead of a noise rate.
"""

import keras
import numpy as np
import pytest
from loops import assert_same, load, values

layers = keras.layers


def dcgan_generator():
    """`generative/conditional_gan`: 28 x 28 digits from noise and a label."""
    noise = keras.Input((128,))
    labels = keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(10, output_mode="one_hot")
    hidden = layers.Concatenate()([noise, one_hot(labels[:, None])])
    hidden = layers.Dense(7 * 7 * 138)(hidden)
    hidden = layers.Reshape((7, 7, 138))(layers.LeakyReLU(negative_slope=0.2)(hidden))
    for _ in range(2):
        hidden = layers.Conv2DTranspose(128, 4, 2, padding="same")(hidden)
        hidden = layers.LeakyReLU(negative_slope=0.2)(hidden)
    images = layers.Conv2D(1, 7, padding="same", activation="sigmoid")(hidden)
    return keras.Model([noise, labels], images)


def dcgan_discriminator():
    """`generative/conditional_gan`: the label is ten more channels."""
    images = keras.Input((28, 28, 1))
    labels = keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(10, output_mode="one_hot")(labels[:, None])
    maps = layers.UpSampling2D(28)(layers.Reshape((1, 1, 10))(one_hot))
    hidden = layers.Concatenate()([images, maps])
    for filters in 64, 128:
        hidden = layers.Conv2D(filters, 3, 2, padding="same")(hidden)
        hidden = layers.LeakyReLU(negative_slope=0.2)(hidden)
    logits = layers.Dense(1)(layers.GlobalMaxPooling2D()(hidden))
    return keras.Model([images, labels], logits)


def conditional_gan():
    """The conditional GAN on digits of 28 x 28 pixels."""
    module = load("gan", conditional=True)
    model = module.GAN(dcgan_generator(), dcgan_discriminator(), latent_size=128)
    model.compile(
        keras.optimizers.Adam(learning_rate=0.0003),
        keras.optimizers.Adam(learning_rate=0.0003),
    )
    return model, (28, 28, 1), True


def vae():
    """`generative/vae`: convolutions, and two latents."""
    images = keras.Input((28, 28, 1))
    hidden = images
    for filters in 32, 64:
        hidden = layers.Conv2D(
            filters, 3, strides=2, padding="same", activation="relu"
        )(hidden)
    hidden = layers.Dense(16, activation="relu")(layers.Flatten()(hidden))
    mean, log_var = layers.Dense(2)(hidden), layers.Dense(2)(hidden)
    encoder = keras.Model(images, layers.Concatenate()([mean, log_var]))

    latents = keras.Input((2,))
    hidden = layers.Dense(7 * 7 * 64, activation="relu")(latents)
    hidden = layers.Reshape((7, 7, 64))(hidden)
    for filters in 64, 32:
        hidden = layers.Conv2DTranspose(
            filters, 3, strides=2, padding="same", activation="relu"
        )(hidden)
    logits = layers.Conv2DTranspose(1, 3, padding="same")(hidden)
    decoder = keras.Model(latents, logits)

    model = load("vae").VAE(encoder, decoder, latent_size=2)
    model.compile(optimizer=keras.optimizers.Adam())
    return model, (28, 28, 1), False


@keras.saving.register_keras_serializable("published")
class SinusoidalEmbedding(layers.Layer):
    """`generative/ddim`: a map of sines and cosines of a time."""

    def call(self, times):
        """Returns an array of shape `(batch_size, 1, 1, 32)`."""
        speeds = 2 * np.pi * np.exp(np.linspace(np.log(1.0), np.log(1000.0), 16))
        angles = speeds.astype("float32") * times[:, None, None]
        return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], -1)


def residual_block(x, width):
    """`generative/ddim`: normalization without scales, and two convolutions."""
    residual = x if x.shape[3] == width else layers.Conv2D(width, 1)(x)
    x = layers.BatchNormalization(center=False, scale=False)(x)
    x = layers.Conv2D(width, 3, padding="same", activation="swish")(x)
    x = layers.Conv2D(width, 3, padding="same")(x)
    return layers.Add()([x, residual])


def diffusion():
    """`generative/ddim`: a U-Net for flowers of 64 x 64 pixels in color."""
    noisy, times = keras.Input((64, 64, 3)), keras.Input((1,))
    embedding = layers.UpSampling2D(64)(SinusoidalEmbedding()(times))
    x = layers.Concatenate()([layers.Conv2D(32, 1)(noisy), embedding])
    skips, widths, depth = [], (32, 64, 96), 1  # Published with a depth of 2.
    for width in widths:
        for _ in range(depth):
            x = residual_block(x, width)
            skips.append(x)
        x = layers.AveragePooling2D(2)(x)
    for _ in range(depth):
        x = residual_block(x, 128)
    for width in reversed(widths):
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        for _ in range(depth):
            x = residual_block(layers.Concatenate()([x, skips.pop()]), width)
    noise = layers.Conv2D(3, 1, kernel_initializer="zeros")(x)
    network = keras.Model([noisy, times], noise)

    model = load("diffusion").Diffusion(network)
    model.compile(optimizer=keras.optimizers.AdamW(1e-3, weight_decay=1e-4))
    return model, (64, 64, 3), False


@keras.saving.register_keras_serializable("published")
class RandomColorAffine(layers.Layer):
    """`vision/semisupervised_simclr`: random brightness and colors."""

    def __init__(self, brightness=0.6, jitter=0.2, seed=None, **kwargs):
        """Initializes the generator of random numbers."""
        super().__init__(**kwargs)
        self.brightness, self.jitter, self.seed = brightness, jitter, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self):
        """Returns the config of the layer."""
        own = {n: getattr(self, n) for n in ("brightness", "jitter", "seed")}
        return {**super().get_config(), **own}

    def call(self, images, training=True):
        """Returns images of the same shape."""
        if not training:
            return images
        count, seed = keras.ops.shape(images)[0], self.seed_generator
        bounds = -self.brightness, self.brightness
        scales = 1 + keras.random.uniform((count, 1, 1), *bounds, seed=seed)
        bounds = -self.jitter, self.jitter
        mixing = keras.random.uniform((count, 3, 3), *bounds, seed=seed)
        colors = (scales * keras.ops.eye(3) + mixing)[:, None]
        return keras.ops.clip(images @ colors, 0, 1)


def simclr():
    """`vision/semisupervised_simclr`: STL-10, 96 x 96 pixels in color."""
    convolutions = [
        layers.Conv2D(128, kernel_size=3, strides=2, activation="relu")
        for _ in range(4)
    ]
    encoder = keras.Sequential(
        [
            keras.Input((96, 96, 3)),
            *convolutions,
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ]
    )
    head = keras.Sequential(
        [keras.Input((128,)), layers.Dense(128, activation="relu"), layers.Dense(128)]
    )
    probe = keras.Sequential([keras.Input((128,)), layers.Dense(10)])
    zoom = 1.0 - np.sqrt(0.25)
    augmenter = keras.Sequential(
        [
            keras.Input((96, 96, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(zoom / 2, zoom / 2),
            layers.RandomZoom((-zoom, 0.0), (-zoom, 0.0)),
            RandomColorAffine(),
        ]
    )
    model = load("simclr").SimCLR(encoder, head, probe, augmenter, temperature=0.1)
    model.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
    return model, (96, 96, 3), True


@pytest.mark.parametrize("make", [conditional_gan, vae, diffusion, simclr])
def test_train_save_load_and_go_on(make, tmp_path):
    """They train, and after loading they go on exactly."""
    keras.utils.set_random_seed(0)
    model, shape, labelled = make()
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(8, *shape)).astype("float32")
    data = (images, np.arange(8) % 10) if labelled else (images,)
    before = values(model.trainable_variables)
    model.fit(*data, batch_size=4, shuffle=False, verbose=0)
    moved = [
        np.any(one != other)
        for one, other in zip(before, values(model.trainable_variables), strict=True)
    ]
    assert all(moved)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    histories = [
        one.fit(*data, batch_size=4, shuffle=False, verbose=0).history
        for one in (model, loaded)
    ]
    assert histories[0] == histories[1]
    assert all(np.isfinite(value).all() for value in histories[0].values())
    assert_same(values(model.variables), values(loaded.variables))
    evaluated = [
        one.evaluate(*data, batch_size=4, verbose=0, return_dict=True)
        for one in (model, loaded)
    ]
    assert evaluated[0] == evaluated[1]
