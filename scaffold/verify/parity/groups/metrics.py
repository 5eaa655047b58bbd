"""Cases of metrics: overridden, and owned by the model."""

import keras

from ..case import Case


class OverridesMetrics:
    """A model that overrides `compute_metrics()`, and has a metric of its own."""

    def __init__(self, net):
        """Creates the metric."""
        super().__init__(net)
        self.largest = keras.metrics.Mean(name="largest")

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Tracks the largest prediction of each batch."""
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        self.largest.update_state(keras.ops.max(y_pred))
        return {**results, "largest": self.largest.result()}


class ListsOwnMetricsOnly(OverridesMetrics):
    """A model whose `metrics` property lists no loss tracker."""

    @property
    def metrics(self):
        """The metric of the model."""
        return [self.largest]


class HasMetricNamedLoss:
    """A model with a metric that is named `"loss"` but does not track the loss."""

    def __init__(self, net):
        """Creates the metric."""
        super().__init__(net)
        self.smallest = keras.metrics.Mean(name="loss")

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Tracks the smallest prediction of each batch."""
        self.smallest.update_state(keras.ops.min(y_pred))
        return super().compute_metrics(x, y, y_pred, sample_weight)


class ListsMetricNamedLossOnly(HasMetricNamedLoss):
    """A model that lists no loss tracker, but a metric with its name."""

    @property
    def metrics(self):
        """The metric of the model."""
        return [self.smallest]


CASES = (
    Case("overridden compute_metrics", "metrics", mixin=OverridesMetrics, quick=True),
    Case("metrics without the loss tracker", "metrics", mixin=ListsOwnMetricsOnly),
    Case(
        "a metric named loss",
        "metrics",
        mixin=HasMetricNamedLoss,
    ),
    Case(
        "only a metric named loss",
        "metrics",
        mixin=ListsMetricNamedLossOnly,
    ),
)
