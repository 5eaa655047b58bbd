"""Training steps with common mistakes. Each class but the first makes one or a group.

The Keras guide "Customizing what happens in `fit()` with JAX" makes the same mistakes:
https://keras.io/guides/custom_train_step_in_jax/.

`test_common_mistakes.py` shows what each mistake does on current Keras, and
`test_verify.py` shows that `kscaffold verify` names its cause.
"""

import jax
import keras


class CorrectStep(keras.Model):
    """A correct step in small methods. Each class below overrides what it breaks."""

    def train_step(self, state, data):
        """Trains on one batch."""
        (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        ) = state
        x, y, sample_weight = self.unpack(data)
        grad_fn = jax.value_and_grad(self.loss_and_aux, has_aux=True)
        (_, (loss, y_pred, non_trainable_variables, metrics_variables)), grads = (
            grad_fn(trainable_variables, *state[1:], x, y, sample_weight)
        )
        trainable_variables, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, grads, trainable_variables
        )
        logs, metrics_variables = self.report(
            metrics_variables, loss, x, y, y_pred, sample_weight
        )
        return logs, (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        )

    def unpack(self, data):
        """Returns `x`, `y` and the sample weights of a batch."""
        return keras.utils.unpack_x_y_sample_weight(data)

    def loss_and_aux(
        self,
        trainable_variables,
        non_trainable_variables,
        optimizer_variables,
        metrics_variables,
        x,
        y,
        sample_weight,
    ):
        """Returns the loss to differentiate, and what else the step needs."""
        return self.compute_loss_and_updates(
            trainable_variables,
            non_trainable_variables,
            metrics_variables,
            x,
            y,
            sample_weight,
            training=True,
            optimizer_variables=optimizer_variables,
        )

    def report(self, metrics_variables, loss, x, y, y_pred, sample_weight):
        """Updates the metrics. Returns the logs and the new metrics variables."""
        mapping = zip(self.metrics_variables, metrics_variables, strict=True)
        with keras.StatelessScope(mapping) as scope:
            self.track(loss, x)
            logs = self.compute_metrics(x, y, y_pred, sample_weight)
        return logs, [scope.get_current_value(v) for v in self.metrics_variables]

    def track(self, loss, x):
        """Updates the loss tracker."""
        batch_size = len(keras.tree.flatten(x)[0])
        self.metrics[0].update_state(loss, sample_weight=batch_size)


class UnpacksPairs(CorrectStep):
    """Unpacks every batch as a pair."""

    def unpack(self, data):
        """Fails for `x`, `(x,)` and `(x, y, sample_weight)`."""
        x, y = data
        return x, y, None


class AveragesOverBatches(CorrectStep):
    """Reports the mean over batches, in which a small batch counts as a large one."""

    def track(self, loss, x):
        """Updates the loss tracker without the batch size."""
        self.metrics[0].update_state(loss)


class ForgetsLossScaling(CorrectStep):
    """Differentiates the loss without the loss scale of `mixed_float16`."""

    def loss_and_aux(self, *args):
        """Returns the unscaled loss. The optimizer still divides its gradients."""
        _, aux = super().loss_and_aux(*args)
        return aux[0], aux


class LossOutsideScope(CorrectStep):
    """Calls `compute_loss()` outside a `keras.StatelessScope`."""

    def loss_and_aux(
        self,
        trainable_variables,
        non_trainable_variables,
        optimizer_variables,
        metrics_variables,
        x,
        y,
        sample_weight,
    ):
        """Reads variables that are empty during `fit()`, and drops layer losses."""
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=True
        )
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        return loss, (loss, y_pred, non_trainable_variables, metrics_variables)


class AlwaysPassesTraining(CorrectStep):
    """Passes `training` to `call()`, whether it takes the argument or not."""

    def loss_and_aux(
        self,
        trainable_variables,
        non_trainable_variables,
        optimizer_variables,
        metrics_variables,
        x,
        y,
        sample_weight,
    ):
        """Runs the model in training mode, and computes the loss in a scope."""
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=True
        )
        with keras.StatelessScope(
            [
                *zip(self.trainable_variables, trainable_variables, strict=True),
                *zip(
                    self.non_trainable_variables, non_trainable_variables, strict=True
                ),
            ]
        ):
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        return loss, (loss, y_pred, non_trainable_variables, metrics_variables)


class DropsRegularizers(CorrectStep):
    """Owns its loss, and leaves out `self.losses`."""

    def __init__(self, *args, **kwargs):
        """Creates the loss."""
        super().__init__(*args, **kwargs)
        self.loss_fn = keras.losses.MeanSquaredError()

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the mean squared error alone."""
        return self.loss_fn(y, y_pred, sample_weight=sample_weight)


class ChangesHelperSignature(CorrectStep):
    """Overrides `compute_loss_and_updates()` with arguments of its own.

    Keras's `test_step()` calls it, too.
    """

    def compute_loss_and_updates(
        self, trainable_variables, non_trainable_variables, x, y, training=False
    ):
        """Takes no metrics variables, which Keras passes third."""
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=training
        )
        loss = self.mean_loss(x, y, y_pred)
        return loss, (y_pred, non_trainable_variables)

    def mean_loss(self, x, y, y_pred):
        """Computes the loss outside a scope."""
        return self.compute_loss(x, y, y_pred)

    def loss_and_aux(
        self,
        trainable_variables,
        non_trainable_variables,
        optimizer_variables,
        metrics_variables,
        x,
        y,
        sample_weight,
    ):
        """Calls the helper with its own arguments."""
        loss, (y_pred, non_trainable_variables) = self.compute_loss_and_updates(
            trainable_variables, non_trainable_variables, x, y, training=True
        )
        return loss, (loss, y_pred, non_trainable_variables, metrics_variables)


class EveryMistake(ChangesHelperSignature):
    """Makes the mistakes above in one step, but for `DropsRegularizers`."""

    def unpack(self, data):
        """Unpacks every batch as a pair."""
        x, y = data
        return x, y, None

    def track(self, loss, x):
        """Updates the loss tracker without the batch size."""
        self.metrics[0].update_state(loss)


class EveryMistakeWithOwnLoss(EveryMistake):
    """Makes all of them, with its own loss and metrics."""

    def __init__(self, *args, **kwargs):
        """Creates the loss and the metrics."""
        super().__init__(*args, **kwargs)
        self.loss_fn = keras.losses.MeanSquaredError()
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")

    @property
    def metrics(self):
        """The metrics that Keras resets in each epoch."""
        return [self.loss_tracker, self.mae_metric]

    def mean_loss(self, x, y, y_pred):
        """Computes the loss without regularizers."""
        return self.loss_fn(y, y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metric and returns the logs."""
        self.mae_metric.update_state(y, y_pred)
        return self.get_metrics_result()


class EvaluationLosesLoss(keras.Model):
    """Overrides `test_step()`, and returns the last metric as the logs."""

    def test_step(self, state, data):
        """Evaluates one batch."""
        trainable_variables, non_trainable_variables, metrics_variables = state
        x, y = data
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=False
        )
        updates = [(self.compute_loss(x, y, y_pred),)]
        updates += [(y, y_pred)] * (len(self.metrics) - 1)
        new_metrics_variables = []
        for metric, arguments in zip(self.metrics, updates, strict=True):
            start = len(new_metrics_variables)
            values = metrics_variables[start : start + len(metric.variables)]
            values = metric.stateless_update_state(values, *arguments)
            new_metrics_variables += values
            logs = metric.stateless_result(values)
        return logs, (
            trainable_variables,
            non_trainable_variables,
            new_metrics_variables,
        )
