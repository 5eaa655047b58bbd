"""A distiller for tf.GradientTape, like keras.io's, with keras.ops in its losses.

It differs from keras.io's text as the recipe does: the soft loss is a sum over classes,
and its mean over images is multiplied by the squared temperature.
"""

import keras
import tensorflow as tf
from keras import layers, ops


def make_student():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ],
        name="student",
    )


def make_teacher():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ],
        name="teacher",
    )


class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student
        self.trackers = [
            keras.metrics.Mean(name=name) for name in ("loss", "hard_loss", "soft_loss")
        ]
        self.accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")

    @property
    def metrics(self):
        return [*self.trackers, self.accuracy]

    def compile(
        self, optimizer, student_loss_fn, distillation_loss_fn, alpha, temperature
    ):
        super().compile(optimizer=optimizer)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn
        self.alpha = alpha
        self.temperature = temperature

    def losses_of(self, x, y, training):
        teacher_logits = self.teacher(x, training=False)
        student_logits = self.student(x, training=training)
        hard_loss = self.student_loss_fn(y, student_logits)
        soft_loss = self.distillation_loss_fn(
            ops.softmax(teacher_logits / self.temperature, axis=1),
            ops.softmax(student_logits / self.temperature, axis=1),
        )
        soft_loss = soft_loss * self.temperature**2
        loss = self.alpha * hard_loss + (1 - self.alpha) * soft_loss
        return (loss, hard_loss, soft_loss), student_logits

    def update(self, losses, y, logits):
        for tracker, loss in zip(self.trackers, losses):
            tracker.update_state(loss)
        self.accuracy.update_state(y, logits)
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            losses, logits = self.losses_of(x, y, training=True)
        variables = self.student.trainable_variables
        gradients = tape.gradient(losses[0], variables)
        self.optimizer.apply_gradients(zip(gradients, variables))
        return self.update(losses, y, logits)

    def test_step(self, data):
        x, y = data
        losses, logits = self.losses_of(x, y, training=False)
        return self.update(losses, y, logits)


def build_model():
    distiller = Distiller(make_student(), make_teacher())
    distiller.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        distillation_loss_fn=keras.losses.KLDivergence(),
        alpha=0.1,
        temperature=4.0,
    )
    return distiller
