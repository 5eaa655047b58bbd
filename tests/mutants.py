"""Mutants: correct steps with one mistake each.

A mutant is one edit of the generated code. `caught_by` names a check that finds it, and
`cause` is a part of the cause that the report names.
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
SCALE = """            with keras.StatelessScope(
                zip(self.optimizer.variables, optimizer_variables, strict=True)
            ):
                loss = self.optimizer.scale_loss(loss)"""
TRACK = "super().metrics[0].update_state(loss, sample_weight=batch_size)"
METRIC = 'self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")\n'


@dataclass(frozen=True)
class Mutant:
    """A correct step with one mistake.

    Attributes:
        name: The mistake, in words.
        old: The text to replace in the generated code.
        new: The text that replaces it.
        caught_by: The name of a check that finds the mistake.
        cause: A part of the cause that the report names.
        options: The options of the generated code.
        also: More edits, as pairs of an old and a new text.
    """

    name: str
    old: str
    new: str
    caught_by: str
    cause: str
    options: dict = field(default_factory=dict, hash=False)
    also: tuple[tuple[str, str], ...] = ()

    def source(self, **more) -> str:
        """Returns the generated code with the mistake."""
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
        "the loss is computed outside a scope",
        f"            {LOSS}",
        f"        {LOSS}",
        "weight regularizers",
        "read outside a scope",
    ),
    Mutant(
        "the losses that layers add are dropped",
        "                scope.add_loss(added_loss)\n",
        "                pass\n",
        "activity regularizer",
        "out of the loss",
    ),
    Mutant(
        "the model's own losses are dropped",
        "[keras.ops.mean(loss), *map(keras.ops.sum, self.losses)]",
        "[keras.ops.mean(loss)]",
        "weight regularizers",
        "out of the loss",
        {"manual_loss": True},
    ),
    Mutant(
        "regularizers are counted twice",
        LOSS,
        LOSS + " + sum(losses)",
        "weight regularizers",
        "twice",
    ),
    Mutant(
        "a batch is unpacked as a pair",
        "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
        "(x, y), sample_weight = data, None",
        "train_on_batch",
        "unpacked as a pair",
    ),
    Mutant(
        "the sample weights do not reach the loss",
        LOSS,
        LOSS.replace("sample_weight", "None"),
        "sample_weight",
        "without the sample weights",
        WEIGHTS,
    ),
    Mutant(
        "the sample weights do not reach the class's own loss",
        "self.loss_fn(y, y_pred, sample_weight=sample_weight)",
        "self.loss_fn(y, y_pred)",
        "sample_weight",
        "without the sample weights",
        {**WEIGHTS, "manual_loss": True},
    ),
    Mutant(
        "the sample weights do not reach the metrics",
        LOGS,
        LOGS.replace("sample_weight", "None"),
        "sample_weight",
        "computes the metrics without",
        WEIGHTS,
    ),
    Mutant(
        "the sample weights do not reach the class's own metric",
        "(y, y_pred, sample_weight=sample_weight)\n        return super()",
        "(y, y_pred)\n        return super()",
        "sample_weight",
        "computes the metrics without",
        {**WEIGHTS, **MANUAL},
    ),
    Mutant(
        "the reported loss is a mean over batches",
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss)",
        "plain",
        "the mean of the losses of the batches",
    ),
    Mutant(
        "the reported loss is weighted by the sample weights",
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss, sample_weight=keras.ops.sum(sample_weight))",
        "sample_weight",
        "weights the reported loss",
        WEIGHTS,
    ),
    Mutant(
        "the gradient has the wrong sign",
        "        return loss, aux",
        "        return -loss, aux",
        "plain",
        "up the gradient",
    ),
    # The forward pass and its state.
    Mutant(
        "the model does not train in training mode",
        MODE,
        "mode = training_argument(self.call, False)",
        "batch normalization",
        "inference mode",
    ),
    Mutant(
        "the new state of the forward pass is dropped",
        STATE_OF_CALL,
        "y_pred, _, losses = self.stateless_call(",
        "dropout",
        "drops the new state",
    ),
    Mutant(
        "call() is passed training, which it does not take",
        INPUTS,
        INPUTS.replace("**mode", "training=training"),
        "call without training",
        "does not take it",
    ),
    Mutant(
        "compute_loss() is passed training, which it does not take",
        "sample_weight, **mode)",
        "sample_weight, training=training)",
        "overridden compute_loss without training",
        "does not take it",
    ),
    Mutant(
        "the step calls self(x)",
        "            for added_loss in losses[: len(losses) - len(self.losses)]:\n"
        "                scope.add_loss(added_loss)\n",
        "            y_pred = self(x, training=training)\n",
        "layer called twice",
        "out of the loss",
    ),
    Mutant(
        "a weight is read outside the state",
        "        # Read back the variables that `compute_loss()` updated.\n",
        "        penalty = keras.ops.square(self.trainable_variables[0])\n"
        "        loss = loss + 0.01 * keras.ops.sum(penalty)\n",
        "no variable is read outside the state",
        "becomes a constant",
    ),
    Mutant(
        "optimizer.apply() is called instead of stateless_apply()",
        APPLY,
        "self.optimizer.apply(grads, self.trainable_variables)",
        "plain",
        "change variables in place",
    ),
    Mutant(
        "metrics are updated in the differentiated function",
        f"            {LOSS}\n",
        f"            {LOSS}\n"
        "            self.compute_metrics(x, y, y_pred, sample_weight)\n",
        "masks",
        "update",
        also=((LOGS, "logs = self.get_metrics_result()"),),
    ),
    # Metrics and logs.
    Mutant(
        "the state of metrics that the loss updates is dropped",
        "metrics_variables = [value(v) for v in self.metrics_variables]",
        "pass",
        "outputs in a dict",
        "drops the state of the metrics",
    ),
    Mutant(
        "metrics are not in the scope",
        "            *zip(self.metrics_variables, metrics_variables, strict=True),\n",
        "",
        "outputs in a dict",
        "read outside a scope",
    ),
    Mutant(
        "the logs of test_step() are a scalar",
        TEST_STATE,
        TEST_STATE.replace("logs", 'logs["loss"]'),
        "plain",
        "not a dict",
        TEST,
    ),
    Mutant(
        "the logs lack the loss",
        LOGS,
        f'{LOGS}\n            logs.pop("loss")',
        "validation_data",
        "lack the loss",
    ),
    Mutant(
        "every metric is updated with the predictions",
        LOGS,
        "for metric in self.metrics:\n"
        '                if metric.name != "loss":\n'
        "                    metric.update_state(y, y_pred)\n"
        "            logs = self.get_metrics_result()",
        "overridden compute_metrics",
        "update",
    ),
    Mutant(
        "the metrics variables are in the wrong order",
        NEW_METRICS,
        NEW_METRICS.replace("self.metrics_variables]", "self.metrics_variables[::-1]]"),
        "plain",
        "mixes up the variables",
    ),
    Mutant(
        "the loss tracker is not the first metric",
        "return super().metrics\n",
        "return super().metrics[::-1]\n",
        "plain",
        "another order",
        MANUAL,
    ),
    Mutant(
        "a metric is not listed",
        "return super().metrics\n",
        "return super().metrics[:1]\n",
        "plain",
        "not all metrics are listed",
        MANUAL,
    ),
    Mutant(
        "the loss tracker is not updated",
        TRACK,
        "pass",
        "plain",
        "does not update the loss tracker",
    ),
    Mutant(
        "every metric named loss is updated with the loss",
        TRACK,
        "for metric in self.metrics:\n"
        '                if metric.name == "loss":\n'
        "                    metric.update_state(loss, sample_weight=batch_size)",
        "a metric named loss",
        'that is named "loss"',
    ),
    Mutant(
        "the first metric named loss is updated with the loss",
        TRACK,
        TRACK.replace(
            "super().metrics[0]", 'next(m for m in self.metrics if m.name == "loss")'
        ),
        "only a metric named loss",
        'that is named "loss"',
    ),
    Mutant(
        "the loss tracker is searched by its name",
        TRACK,
        TRACK.replace(
            "super().metrics", '[m for m in self.metrics if m.name == "loss"]'
        ),
        "metrics without the loss tracker",
        "looks up the loss tracker",
    ),
    Mutant(
        "the loss of a batch is reported under another name",
        LOGS,
        f'{LOGS}\n            logs["batch_loss"] = loss',
        "plain",
        "names that are not names of metrics",
    ),
    Mutant(
        "a log has a value for each sample",
        LOGS,
        f'{LOGS}\n            logs["errors"] = keras.ops.abs(y - y_pred)[:, 0]',
        "the logs are scalars",
        "not the metrics of the epoch",
    ),
    # The optimizer and the precision.
    Mutant(
        "the loss is not scaled",
        "loss = self.optimizer.scale_loss(loss)",
        "pass",
        "mixed_float16 with SGD",
        "does not multiply the loss",
    ),
    Mutant(
        "the scaled loss is reported",
        "        return loss, aux",
        "        return loss, (loss, *aux[1:])",
        "mixed_float16 with SGD",
        "reports the scaled loss",
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
        "before the optimizer unscales them",
    ),
    Mutant(
        "the results of the optimizer are swapped",
        "trainable_variables, optimizer_variables = self.optimizer.stateless_apply(",
        "optimizer_variables, trainable_variables = self.optimizer.stateless_apply(",
        "plain",
        "structure differs",
    ),
    Mutant(
        "the optimizer's state is dropped",
        "trainable_variables, optimizer_variables = self.optimizer.stateless_apply(",
        "trainable_variables, _ = self.optimizer.stateless_apply(",
        "SGD with momentum",
        "drops the new state of the optimizer",
    ),
    Mutant(
        "the variables of a second optimizer are not in the state",
        APPLY,
        APPLY + """
        trainable_variables, _ = self.second.stateless_apply(
            [v.value for v in self.second.variables], grads, trainable_variables
        )""",
        "no variable is read outside the state",
        "becomes a constant",
        MANUAL,
        also=(
            (
                METRIC,
                f"{METRIC}"
                "        self.second = keras.optimizers.Adam()\n"
                "        self.second.build(self.trainable_variables)\n",
            ),
        ),
    ),
    # Compilation.
    Mutant(
        "a counter is a Python int",
        LOSS,
        f"{LOSS}\n"
        '            self.count = getattr(self, "count", 0) + 1\n'
        "            loss = loss * (1 + 0.1 * self.count)",
        "eager execution changes nothing",
        "A Python number changes",
    ),
    Mutant(
        "noise is drawn from a constant key",
        INPUTS,
        INPUTS.replace("x,", "x + jax.random.normal(jax.random.PRNGKey(0), x.shape),"),
        "random numbers depend on the state",
        "from a constant",
    ),
    Mutant(
        "a traced value is kept in an attribute",
        f"            {LOSS}\n",
        f"            {LOSS}\n            self.last_loss = loss\n",
        "no tracer leaks from the step",
        "kept in an attribute",
    ),
    Mutant(
        "the loss is converted to a Python float",
        LOSS,
        LOSS.replace("self", "float(self", 1) + ")",
        "plain",
        "not known while the step is compiled",
    ),
    Mutant(
        "a Python condition depends on the loss",
        LOSS,
        f"{LOSS}\n            loss = loss if loss > 0 else -loss",
        "plain",
        "not known while the step is compiled",
    ),
    Mutant(
        "the loss has a value for each sample",
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
        "the metrics variables change their dtype",
        NEW_METRICS,
        NEW_METRICS.replace("(v) for", '(v).astype("float16") for'),
        "the state keeps its structure",
        "shapes or dtypes",
    ),
    Mutant(
        "the metrics variables become weakly typed",
        NEW_METRICS,
        "metrics_variables = [jax.numpy.asarray(0.0) for v in self.metrics_variables]",
        "the state keeps its structure",
        "shapes or dtypes",
    ),
    Mutant(
        "variables are returned instead of their values",
        NEW_METRICS,
        "metrics_variables = list(self.metrics_variables)",
        "plain",
        "instead of its value",
    ),
    # The returned state.
    Mutant(
        "the returned state has tuples instead of lists",
        "        return logs, (\n            trainable_variables,",
        "        return logs, (\n            tuple(trainable_variables),",
        "DataParallel",
        "structure differs",
    ),
    Mutant(
        "the optimizer's and the metrics' state are swapped",
        "            optimizer_variables,\n            metrics_variables,\n        )\n",
        "            metrics_variables,\n            optimizer_variables,\n        )\n",
        "plain",
        "structure differs",
    ),
    Mutant(
        "only the logs are returned",
        STATE,
        "        return logs\n",
        "plain",
        "not return (logs, state)",
    ),
    Mutant(
        "train_step() does not take the state",
        "def train_step(self, state, data):",
        "def train_step(self, data):",
        "plain",
        "with (state, data)",
    ),
    Mutant(
        "predict_step() does not return the state",
        "    def train_step(",
        "    def predict_step(self, state, data):\n"
        '        """Predicts one batch."""\n'
        "        return self.stateless_call(*state[:2], data, training=False)[0]\n\n"
        "    def train_step(",
        "plain",
        "predict_step() does not have",
    ),
    # The evaluation.
    Mutant(
        "evaluation runs in training mode",
        "_updates(*state, x, y, sample_weight)",
        "_updates(*state, x, y, sample_weight, True, [*self.optimizer.variables])",
        "batch normalization",
        "evaluates the model in training mode",
        TEST,
    ),
    Mutant(
        "evaluation drops the new state of the metrics",
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
        "evaluation changes no weights",
        "returns new weights",
        TEST,
    ),
)


def markdown_table() -> str:
    """Returns the table of mistakes in `docs/verify.md`."""
    lines = ["| mistake | found by the check |", "| --- | --- |"]
    lines += [f"| {mutant.name} | {mutant.caught_by} |" for mutant in MUTANTS]
    return "\n".join(lines)
