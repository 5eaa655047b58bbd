"""Correct steps with one mistake in each: what people do, from the pitfalls of Keras.

A mutant is one edit of what is emitted. `caught_by` names a check that finds it, and
`cause` is a part of what the report says about it.
"""

from dataclasses import dataclass, field

from matrix import text

from scaffold import Spec

MODE = "mode = training_argument(self.call, training)"
STATE_OF_CALL = "y_pred, non_trainable_variables, losses = self.stateless_call("
INPUTS = "non_trainable_variables, x, return_losses=True, **mode"
LOSS = "loss = self.compute_loss(x, y, y_pred, sample_weight, **mode)"
LOGS = "logs = self.compute_metrics(x, y, y_pred, sample_weight)"
NEW_METRICS = (
    "metrics_variables = [scope.get_current_value(v) for v in self.metrics_variables]"
)
STATE = """        return logs, (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        )
"""
TEST_STATE = """\
        return logs, (trainable_variables, non_trainable_variables, metrics_variables)
"""
APPLY = """trainable_variables, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, grads, trainable_variables
        )"""
SCALE = """            with keras.StatelessScope(mapping):
                loss = self.optimizer.scale_loss(loss)"""


@dataclass(frozen=True)
class Mutant:
    """A correct step with a mistake.

    Attributes:
        name: The mistake, in words.
        old: A text of the correct step.
        new: What takes its place.
        caught_by: The name of a check that finds it.
        cause: A part of the cause that the report gives.
        options: The options of the correct step.
        also: More edits, pairs of an old and a new text.
    """

    name: str
    old: str
    new: str
    caught_by: str
    cause: str
    options: dict = field(default_factory=dict, hash=False)
    also: tuple[tuple[str, str], ...] = ()

    def source(self, **more) -> str:
        """Returns the source of the wrong class."""
        source = text(Spec(**self.options, **more))
        for old, new in ((self.old, self.new), *self.also):
            assert old in source, f"{self.name}: not in the class: {old}"
            source = source.replace(old, new)
        return source


WEIGHTS = {"sample_weight": True}
MANUAL = {"manual_metrics": True}
TEST = {"test_step": True}

MUTANTS = (
    # The losses.
    Mutant(
        "the loss is computed outside the scope",
        f"            {LOSS}",
        f"        {LOSS}",
        "weight regularizers",
        "read outside a scope",
    ),
    Mutant(
        "what the layers add to the loss is dropped",
        "                scope.add_loss(added)\n",
        "                pass\n",
        "activity regularizer",
        "left out of the loss",
    ),
    Mutant(
        "the model's own losses are dropped",
        "[keras.ops.mean(loss), *map(keras.ops.sum, self.losses)]",
        "[keras.ops.mean(loss)]",
        "weight regularizers",
        "left out of the loss",
        {"manual_loss": True},
    ),
    Mutant(
        "regularizers are counted twice",
        LOSS,
        LOSS + " + sum(losses)",
        "weight regularizers",
        "counted twice",
    ),
    Mutant(
        "a batch is unpacked as a pair",
        "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
        "(x, y), sample_weight = data, None",
        "train_on_batch",
        "unpacked as a pair",
    ),
    Mutant(
        "the weights do not reach the loss",
        LOSS,
        LOSS.replace("sample_weight", "None"),
        "sample_weight",
        "do not reach the loss",
        WEIGHTS,
    ),
    Mutant(
        "the weights do not reach the class's own loss",
        "self.loss_fn(y, y_pred, sample_weight=sample_weight)",
        "self.loss_fn(y, y_pred)",
        "sample_weight",
        "do not reach the loss",
        {**WEIGHTS, "manual_loss": True},
    ),
    Mutant(
        "the weights do not reach the metrics",
        LOGS,
        LOGS.replace("sample_weight", "None"),
        "sample_weight",
        "but not the metrics",
        WEIGHTS,
    ),
    Mutant(
        "the weights do not reach the class's own metric",
        "(y, y_pred, sample_weight=sample_weight)\n        return super()",
        "(y, y_pred)\n        return super()",
        "sample_weight",
        "but not the metrics",
        {**WEIGHTS, **MANUAL},
    ),
    Mutant(
        "the reported loss is a mean over batches",
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss)",
        "plain",
        "not weighted by the batch size",
    ),
    Mutant(
        "the reported loss is weighted by the sample weights",
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss, sample_weight=keras.ops.sum(sample_weight))",
        "sample_weight",
        "not weighted by the batch size",
        WEIGHTS,
    ),
    Mutant(
        "the step goes uphill",
        "        return loss, aux",
        "        return -loss, aux",
        "plain",
        "not what Keras computes",
    ),
    # The forward pass and its state.
    Mutant(
        "the model does not train in training mode",
        MODE,
        "mode = training_argument(self.call, False)",
        "batch normalization",
        "does not run in training mode",
    ),
    Mutant(
        "the new state of the forward pass is dropped",
        STATE_OF_CALL,
        "y_pred, _, losses = self.stateless_call(",
        "dropout",
        "is not returned",
    ),
    Mutant(
        "call() is given training although it takes none",
        INPUTS,
        INPUTS.replace("**mode", "training=training"),
        "call without training",
        "does not take it",
    ),
    Mutant(
        "compute_loss() is given training although it takes none",
        "sample_weight, **mode)",
        "sample_weight, training=training)",
        "overridden compute_loss without training",
        "does not take it",
    ),
    Mutant(
        "the model is called, not its call()",
        "            for added in losses[: len(losses) - len(self.losses)]:\n"
        "                scope.add_loss(added)\n",
        "            y_pred = self(x, training=training)\n",
        "layer called twice",
        "self(x)",
    ),
    Mutant(
        "a weight is read outside the state",
        "        # Read back what the model and the loss changed.\n",
        "        penalty = keras.ops.square(self.trainable_variables[0])\n"
        "        loss = loss + 0.01 * keras.ops.sum(penalty)\n",
        "nothing is read outside the state",
        "becomes a constant",
    ),
    Mutant(
        "the optimizer is applied, not its stateless twin",
        APPLY,
        "self.optimizer.apply(grads, self.trainable_variables)",
        "plain",
        "read outside a scope",
    ),
    Mutant(
        "metrics are updated where the gradient is taken",
        f"            {LOSS}\n",
        f"            {LOSS}\n"
        "            self.compute_metrics(x, y, y_pred, sample_weight)\n",
        "masks",
        "updated with other values",
        also=((LOGS, "logs = self.get_metrics_result()"),),
    ),
    # Metrics and logs.
    Mutant(
        "the state of metrics that the loss updates is dropped",
        "metrics_variables = [value(v) for v in self.metrics_variables]",
        "pass",
        "outputs in a dict",
        "Their state is dropped",
    ),
    Mutant(
        "metrics are not in the scope",
        "            *zip(self.metrics_variables, metrics_variables, strict=True),\n",
        "",
        "outputs in a dict",
        "read outside a scope",
    ),
    Mutant(
        "the logs of test_step() are one number",
        TEST_STATE,
        TEST_STATE.replace("logs", 'logs["loss"]'),
        "plain",
        "not a dict",
        TEST,
    ),
    Mutant(
        "evaluation loses the loss",
        LOGS,
        f'{LOGS}\n            logs.pop("loss")',
        "validation_data",
        "lack the loss",
    ),
    Mutant(
        "every metric gets the predictions",
        LOGS,
        "for metric in self.metrics:\n"
        '                if metric.name != "loss":\n'
        "                    metric.update_state(y, y_pred)\n"
        "            logs = self.get_metrics_result()",
        "overridden compute_metrics",
        "updated with other values",
    ),
    Mutant(
        "metrics in the wrong slice",
        NEW_METRICS,
        NEW_METRICS.replace("self.metrics_variables]", "self.metrics_variables[::-1]]"),
        "plain",
        "mixed up",
    ),
    Mutant(
        "the class's own loss tracker is not the first metric",
        "return own + [m for",
        "return own[::-1] + [m for",
        "plain",
        "other order",
        MANUAL,
    ),
    Mutant(
        "a metric is not listed",
        "own = [self.loss_tracker, self.mae_metric]\n"
        "        return own + [m for m in super().metrics if m not in own and "
        'm.name != "loss"]',
        "return [self.loss_tracker]",
        "plain",
        "not all metrics are listed",
        MANUAL,
    ),
    Mutant(
        "the loss tracker is not updated",
        "loss_tracker.update_state(loss, sample_weight=batch_size)",
        "pass",
        "plain",
        "is not updated",
    ),
    Mutant(
        "the loss of a batch is reported under another name",
        LOGS,
        f'{LOGS}\n            logs["batch_loss"] = loss',
        "plain",
        "names that Keras's have not",
    ),
    Mutant(
        "a log has a number for each sample",
        LOGS,
        f'{LOGS}\n            logs["errors"] = keras.ops.abs(y - y_pred)[:, 0]',
        "the logs are numbers",
        "not the metrics of the epoch",
    ),
    # The optimizer and the precision.
    Mutant(
        "the loss is not scaled",
        "loss = self.optimizer.scale_loss(loss)",
        "pass",
        "mixed_float16 with SGD",
        "not multiplied by the loss scale",
    ),
    Mutant(
        "the scaled loss is reported",
        "        return loss, aux",
        "        return loss, (loss, *aux[1:])",
        "mixed_float16 with SGD",
        "scaled loss is reported",
    ),
    Mutant(
        "the loss is scaled outside a scope",
        SCALE,
        "            loss = self.optimizer.scale_loss(loss)",
        "mixed_float16 with SGD",
        "read outside a scope",
    ),
    Mutant(
        "gradients are clipped before they are unscaled",
        "optimizer_variables, grads, trainable_variables\n",
        "optimizer_variables, [g.clip(-1, 1) for g in grads], trainable_variables\n",
        "mixed_float16 with SGD",
        "changed before the optimizer unscales them",
    ),
    Mutant(
        "the results of the optimizer are swapped",
        "trainable_variables, optimizer_variables = self.optimizer.stateless_apply(",
        "optimizer_variables, trainable_variables = self.optimizer.stateless_apply(",
        "plain",
        "another way",
    ),
    Mutant(
        "the optimizer's state is dropped",
        "trainable_variables, optimizer_variables = self.optimizer.stateless_apply(",
        "trainable_variables, _ = self.optimizer.stateless_apply(",
        "SGD with momentum",
        "does not travel",
    ),
    Mutant(
        "a second optimizer is not in the state",
        APPLY,
        APPLY + """
        trainable_variables, _ = self.second.stateless_apply(
            [v.value for v in self.second.variables], grads, trainable_variables
        )""",
        "nothing is read outside the state",
        "becomes a constant",
        MANUAL,
        also=(
            (
                'self.loss_tracker = keras.metrics.Mean(name="loss")\n',
                'self.loss_tracker = keras.metrics.Mean(name="loss")\n'
                "        self.second = keras.optimizers.Adam()\n"
                "        self.second.build(self.trainable_variables)\n",
            ),
        ),
    ),
    # What is compiled.
    Mutant(
        "a counter is kept as an int",
        LOSS,
        f"{LOSS}\n"
        '            self.count = getattr(self, "count", 0) + 1\n'
        "            loss = loss * (1 + 0.1 * self.count)",
        "eager execution changes nothing",
        "A Python number changes",
    ),
    Mutant(
        "noise has a fixed key",
        INPUTS,
        INPUTS.replace("x,", "x + jax.random.normal(jax.random.PRNGKey(0), x.shape),"),
        "random numbers depend on the state",
        "from a constant",
    ),
    Mutant(
        "a value of the step is kept in an attribute",
        f"            {LOSS}\n",
        f"            {LOSS}\n            self.last_loss = loss\n",
        "no value leaks from the step",
        "kept in an attribute",
    ),
    Mutant(
        "the loss is made a Python number",
        LOSS,
        LOSS.replace("self", "float(self", 1) + ")",
        "plain",
        "not known while the step is compiled",
    ),
    Mutant(
        "the loss is compared in Python",
        LOSS,
        f"{LOSS}\n            loss = loss if loss > 0 else -loss",
        "plain",
        "not known while the step is compiled",
    ),
    Mutant(
        "the loss is a number for each sample",
        LOSS,
        "loss = keras.ops.square(y - y_pred)[:, 0]",
        "plain",
        "not a scalar",
    ),
    Mutant(
        "has_aux is forgotten",
        ", has_aux=True",
        "",
        "plain",
        "has_aux",
    ),
    Mutant(
        "metrics lose their dtype",
        NEW_METRICS,
        NEW_METRICS.replace("(v) for", '(v).astype("float16") for'),
        "the state keeps its form",
        "shapes or dtypes",
    ),
    Mutant(
        "metrics are set to Python numbers",
        NEW_METRICS,
        "metrics_variables = [jax.numpy.asarray(0.0) for v in self.metrics_variables]",
        "the state keeps its form",
        "shapes or dtypes",
    ),
    Mutant(
        "variables are returned, not their values",
        NEW_METRICS,
        "metrics_variables = list(self.metrics_variables)",
        "plain",
        "returned, not its value",
    ),
    # The state that comes out.
    Mutant(
        "the state comes out as tuples",
        "        return logs, (\n            trainable_variables,",
        "        return logs, (\n            tuple(trainable_variables),",
        "DataParallel",
        "another way",
    ),
    Mutant(
        "the optimizer's and the metrics' state are swapped",
        "            optimizer_variables,\n            metrics_variables,\n        )\n",
        "            metrics_variables,\n            optimizer_variables,\n        )\n",
        "plain",
        "another way",
    ),
    Mutant(
        "only the logs are returned",
        STATE,
        "        return logs\n",
        "plain",
        "not return (logs, state)",
    ),
    Mutant(
        "train_step() takes no state",
        "def train_step(self, state, data):",
        "def train_step(self, data):",
        "plain",
        "with (state, data)",
    ),
    Mutant(
        "predict_step() returns the outputs alone",
        "    def train_step(",
        "    def predict_step(self, state, data):\n"
        '        """Predicts one batch."""\n'
        "        return self.stateless_call(*state[:2], data, training=False)[0]\n\n"
        "    def train_step(",
        "plain",
        "predict_step() is not as Keras",
    ),
    # The evaluation.
    Mutant(
        "evaluation runs in training mode",
        "training=False,\n        )\n        loss",
        "training=True,\n        )\n        loss",
        "batch normalization",
        "test_step() runs in training mode",
        TEST,
    ),
    Mutant(
        "evaluation drops the state of the metrics",
        TEST_STATE,
        "        return logs, state\n",
        "plain",
        "drops the new state",
        TEST,
    ),
    Mutant(
        "evaluation changes the weights",
        TEST_STATE,
        "        trainable_variables = [0.9 * v for v in trainable_variables]\n"
        + TEST_STATE,
        "evaluation changes no weight",
        "returns new weights",
        TEST,
    ),
)


def markdown_table() -> str:
    """Returns the table of the mistakes for `docs/verify.md`."""
    lines = ["| the mistake | a check that finds it |", "| --- | --- |"]
    lines += [f"| {mutant.name} | {mutant.caught_by} |" for mutant in MUTANTS]
    return "\n".join(lines)
