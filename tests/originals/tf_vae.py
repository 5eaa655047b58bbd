"""A VAE for tf.GradientTape, like keras.io's, with the recipe's algorithm.

It differs from keras.io's text as the recipe does: the encoder has one output for means
and log variances, pixels are logits, and evaluation decodes the means.
"""

import keras
import tensorflow as tf
from keras import layers

latent_dim = 8


def make_networks():
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(256, activation="relu"),
            layers.Dense(2 * latent_dim),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(256, activation="relu"),
            layers.Dense(8 * 8),
            layers.Reshape((8, 8, 1)),
        ],
        name="decoder",
    )
    return encoder, decoder


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.total_loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_loss_tracker = keras.metrics.Mean(
            name="reconstruction_loss"
        )
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [
            self.total_loss_tracker,
            self.reconstruction_loss_tracker,
            self.kl_loss_tracker,
        ]

    def losses_of(self, data, sample, training):
        z_mean, z_log_var = tf.split(self.encoder(data, training=training), 2, axis=-1)
        z = z_mean
        if sample:
            epsilon = keras.random.normal(
                shape=tf.shape(z_mean), seed=self.seed_generator
            )
            z = z_mean + tf.exp(0.5 * z_log_var) * epsilon
        logits = self.decoder(z, training=training)
        pixels = tf.nn.sigmoid_cross_entropy_with_logits(labels=data, logits=logits)
        reconstruction_loss = tf.reduce_mean(tf.reduce_sum(pixels, axis=(1, 2, 3)))
        kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
        kl_loss = tf.reduce_mean(tf.reduce_sum(kl_loss, axis=1))
        return reconstruction_loss + kl_loss, reconstruction_loss, kl_loss

    def update(self, losses):
        for metric, loss in zip(self.metrics, losses):
            metric.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}

    @tf.function
    def train_step(self, data):
        with tf.GradientTape() as tape:
            losses = self.losses_of(data, sample=True, training=True)
        grads = tape.gradient(losses[0], self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        return self.update(losses)

    def test_step(self, data):
        return self.update(self.losses_of(data, sample=False, training=False))


def build_model():
    vae = VAE(*make_networks())
    vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    return vae
