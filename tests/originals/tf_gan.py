"""A GAN for tf.GradientTape, like keras.io's DCGAN, with the recipe's algorithm.

It differs from keras.io's text as the recipe does: the discriminator sees real and
generated images in two batches and not in one, no noise is added to the labels, and the
discriminator stays in training mode while the generator trains.
"""

import keras
import tensorflow as tf
from keras import layers

latent_dim = 32


def make_generator():
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(4 * 4 * 64, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((4, 4, 64)),
            layers.Conv2DTranspose(
                32, kernel_size=4, strides=2, padding="same", use_bias=False
            ),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(1, kernel_size=3, padding="same", activation="sigmoid"),
        ],
        name="generator",
    )


def make_discriminator():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, kernel_size=3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(64, kernel_size=3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dense(1),
        ],
        name="discriminator",
    )


class GAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.gen_loss_tracker = keras.metrics.Mean(name="generator_loss")
        self.disc_loss_tracker = keras.metrics.Mean(name="discriminator_loss")
        self.distance_tracker = keras.metrics.Mean(name="kernel_distance")

    @property
    def metrics(self):
        return [self.gen_loss_tracker, self.disc_loss_tracker, self.distance_tracker]

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, real_images):
        batch_size = tf.shape(real_images)[0]
        random_latent_vectors = keras.random.normal(
            shape=(batch_size, self.latent_dim), seed=self.seed_generator
        )
        generated_images = self.generator(random_latent_vectors, training=True)

        # Train the discriminator: real images are 1, generated ones 0.
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(real_images, training=True)
            fake_logits = self.discriminator(generated_images, training=True)
            d_loss = self.loss_fn(tf.ones_like(real_logits), real_logits)
            d_loss += self.loss_fn(tf.zeros_like(fake_logits), fake_logits)
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(
            zip(grads, self.discriminator.trainable_weights)
        )

        # Train the generator: generated images shall pass as real.
        random_latent_vectors = keras.random.normal(
            shape=(batch_size, self.latent_dim), seed=self.seed_generator
        )
        misleading_labels = tf.ones((batch_size, 1))
        with tf.GradientTape() as tape:
            fake_images = self.generator(random_latent_vectors, training=True)
            predictions = self.discriminator(fake_images, training=True)
            g_loss = self.loss_fn(misleading_labels, predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))

        self.disc_loss_tracker.update_state(d_loss)
        self.gen_loss_tracker.update_state(g_loss)
        return {
            "discriminator_loss": self.disc_loss_tracker.result(),
            "generator_loss": self.gen_loss_tracker.result(),
        }

    def test_step(self, real_images):
        batch_size = tf.shape(real_images)[0]
        noise = keras.random.normal(
            shape=(batch_size, self.latent_dim), seed=self.seed_generator
        )
        distance = squared_mmd(self.generator(noise, training=False), real_images)
        self.distance_tracker.update_state(distance)
        return {"kernel_distance": self.distance_tracker.result()}


def squared_mmd(x, y):
    x = tf.reshape(x, (tf.shape(x)[0], -1))
    y = tf.reshape(y, (tf.shape(y)[0], -1))
    n = tf.cast(tf.shape(x)[0], tf.float32)

    def squared_distances(a, b):
        return tf.reduce_sum((a[:, None] - b[None]) ** 2, axis=-1)

    # The median has half of the sorted distances below it.
    ranked = tf.sort(tf.reshape(squared_distances(y, y), [-1]))
    half = tf.shape(ranked)[0] // 2
    median = (ranked[half - 1] + ranked[half]) / 2

    def kernel(a, b):
        distances = squared_distances(a, b)
        widths = median / 2, median / 4, median / 8
        return sum(tf.exp(-distances / width) for width in widths) / 3

    def mean_of_others(k):
        return (tf.reduce_sum(k) - tf.linalg.trace(k)) / (n * (n - 1))

    return (
        mean_of_others(kernel(x, x))
        + mean_of_others(kernel(y, y))
        - 2 * tf.reduce_mean(kernel(x, y))
    )


def build_model():
    gan = GAN(make_discriminator(), make_generator(), latent_dim)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(learning_rate=5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(learning_rate=5e-4, beta_1=0.5),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return gan
