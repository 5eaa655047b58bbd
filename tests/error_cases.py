"""Mistakes that raise an error, in training steps as strangers write them.

`test_verify_errors.py` checks that the report names the line and the cause.
"""

from dataclasses import dataclass

HEAD = """\
import jax
import jax.numpy as jnp
import keras
import numpy as np


def data(rows=64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] - x[:, 1:2]).astype("float32")


def network():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    hidden = keras.layers.Dropout(0.1)(hidden)
    return inputs, keras.layers.Dense(1)(hidden)

"""

#: How most files build their model.
BUILD = """

def build():
    model = MyModel(*network())
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model, data()
"""

#: The step of Keras's guide, with helpers of its own names. `{...}` are places to edit.
GUIDE = """
class MyModel(keras.Model):
    def loss_and_updates(self, tv, ntv, x, y, sample_weight):
        y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)
        loss = {loss}
        return loss, (y_pred, ntv)

    def train_step(self, state, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        trainable_variables, non_trainable_variables, optimizer_variables, \
metrics_variables = state
        grad_fn = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, non_trainable_variables)), grads = grad_fn(
            trainable_variables, non_trainable_variables, x, y, sample_weight
        )
        {apply}
        {report}
        return {result}
"""
RIGHT = {
    "loss": "keras.losses.MeanSquaredError()(y, y_pred, sample_weight)",
    "apply": """trainable_variables, optimizer_variables = (
            self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
        )""",
    "report": """with keras.StatelessScope(
            zip(self.metrics_variables, metrics_variables)
        ) as scope:
            self._loss_tracker.update_state(loss, sample_weight=len(x))
            logs = self.compute_metrics(x, y, y_pred, sample_weight)
        metrics_variables = [
            scope.get_current_value(v) for v in self.metrics_variables
        ]""",
    "result": """logs, (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        )""",
}


#: A step whose differentiated function is inside it. `{...}` are places to edit.
CLOSURE = """
class MyModel(keras.Model):
    def train_step(self, state, data):
        tv, ntv, ov, mv = state
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def loss_fn(tv, ntv):
            y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)
            {loss}

        (loss, (y_pred, ntv)), grads = {grad}(loss_fn, has_aux=True)(tv, ntv)
        {apply}
        {report}
        return logs, (tv, ntv, ov, mv)
"""


@dataclass(frozen=True)
class ErrorCase:
    """A file with a mistake that raises an error.

    Attributes:
        name: The mistake, in words.
        code: The code of the cause.
        line: A part of the line that the report names. Empty if there is none.
        source: The class, and its `build()` if it is not the usual one.
        check: The check that fails.
    """

    name: str
    code: str
    line: str
    source: str
    check: str = "the logs are scalars"

    @property
    def text(self) -> str:
        """The whole file."""
        build = "" if "def build(" in self.source else BUILD
        return HEAD + self.source + build


def guide(**edits) -> str:
    """Returns the guide's step with edits."""
    assert edits.keys() <= RIGHT.keys()
    return GUIDE.format(**{**RIGHT, **edits})


def closure(**edits) -> str:
    """Returns the step with a function inside it, with edits."""
    right = {
        "loss": "return keras.ops.mean((y - y_pred) ** 2), (y_pred, ntv)",
        "grad": "jax.value_and_grad",
        "apply": "tv, ov = self.optimizer.stateless_apply(ov, grads, tv)",
        "report": 'logs = {"loss": loss}',
    }
    assert edits.keys() <= right.keys()
    return CLOSURE.format(**{**right, **edits})


def own_call(layers: str, call: str) -> str:
    """Returns a model with layers and a `call()`, which Keras's own step trains."""
    return f"""
class MyModel(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        {layers}
        self.out = keras.layers.Dense(1)

    def call(self, x, training=False):
        {call}
        return self.out(x)


def build():
    model = MyModel()
    model(np.zeros((2, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
"""


CASES = (
    # What the step returns.
    ErrorCase(
        "only the logs are returned",
        "state-not-returned",
        "def train_step(self, state, data):",
        guide(result='{"loss": loss}'),
    ),
    ErrorCase(
        "only the loss is returned",
        "state-not-returned",
        "def train_step(self, state, data):",
        guide(result="loss"),
    ),
    ErrorCase(
        "nothing is returned",
        "state-not-returned",
        "def train_step(self, state, data):",
        guide(result="None"),
    ),
    ErrorCase(
        "the logs are returned from compute_metrics() alone",
        "metric-outside-scope",
        "return self.compute_metrics(x, y, y_pred, sample_weight)",
        guide(
            result="self.compute_metrics(x, y, y_pred, sample_weight)", report="pass"
        ),
    ),
    ErrorCase(
        "the state is a dict",
        "state-parts",
        "def train_step(self, state, data):",
        guide(result="""logs, {
            "trainable": trainable_variables,
            "non_trainable": non_trainable_variables,
            "optimizer": optimizer_variables,
            "metrics": metrics_variables,
        }"""),
    ),
    ErrorCase(
        "the state lacks the metrics",
        "state-parts",
        "def train_step(self, state, data):",
        guide(
            result="logs, (trainable_variables, non_trainable_variables, "
            "optimizer_variables)"
        ),
    ),
    ErrorCase(
        "the state is nested",
        "state-parts",
        "def train_step(self, state, data):",
        guide(
            result="logs, ((trainable_variables, non_trainable_variables), "
            "(optimizer_variables, metrics_variables))"
        ),
    ),
    ErrorCase(
        "the parts of the state are reordered",
        "state-order",
        "def train_step(self, state, data):",
        guide(
            result="logs, (trainable_variables, optimizer_variables, "
            "non_trainable_variables, metrics_variables)"
        ),
    ),
    ErrorCase(
        "the state is a list",
        "state-structure",
        "def train_step(self, state, data):",
        guide(
            result="logs, [trainable_variables, non_trainable_variables, "
            "optimizer_variables, metrics_variables]"
        ),
        check="the state works as a scan carry",
    ),
    ErrorCase(
        "the state is flat",
        "state-not-returned",
        "def train_step(self, state, data):",
        guide(
            result="logs, trainable_variables, non_trainable_variables, "
            "optimizer_variables, metrics_variables"
        ),
    ),
    ErrorCase(
        "the state is returned first",
        "state-returned-first",
        "def train_step(self, state, data):",
        guide(
            result="(trainable_variables, non_trainable_variables, "
            "optimizer_variables, metrics_variables), logs"
        ),
    ),
    ErrorCase(
        "test_step() returns four parts",
        "state-parts",
        "def test_step(self, state, data):",
        guide() + """
    def test_step(self, state, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        tv, ntv, mv = state
        y_pred, ntv = self.stateless_call(tv, ntv, x, training=False)
        loss = keras.ops.mean((y - y_pred) ** 2)
        with keras.StatelessScope(zip(self.metrics_variables, mv)) as scope:
            self._loss_tracker.update_state(loss, sample_weight=len(x))
            logs = self.compute_metrics(x, y, y_pred, sample_weight)
        mv = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (tv, ntv, self.optimizer.variables, mv)
""",
    ),
    ErrorCase(
        "test_step() expects four parts",
        "state-unpacked-wrongly",
        "tv, ntv, ov, mv = state",
        guide() + """
    def test_step(self, state, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        tv, ntv, ov, mv = state
        y_pred, ntv = self.stateless_call(tv, ntv, x, training=False)
        with keras.StatelessScope(zip(self.metrics_variables, mv)) as scope:
            logs = self.compute_metrics(x, y, y_pred, sample_weight)
        mv = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (tv, ntv, mv)
""",
    ),
    ErrorCase(
        "test_step() returns only the logs",
        "state-not-returned",
        "def test_step(self, state, data):",
        guide() + """
    def test_step(self, state, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        tv, ntv, mv = state
        y_pred, ntv = self.stateless_call(tv, ntv, x, training=False)
        return {"loss": keras.ops.mean((y - y_pred) ** 2)}
""",
    ),
    ErrorCase(
        "train_step() expects three parts",
        "state-unpacked-wrongly",
        "tv, ntv, ov = state",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        tv, ntv, ov = state
        x, y = data
        return {}, state
""",
    ),
    # The optimizer.
    ErrorCase(
        "apply_gradients()",
        "optimizer-applied-in-place",
        "self.optimizer.apply_gradients(",
        guide(apply="""self.optimizer.apply_gradients(
            zip(grads, self.trainable_variables)
        )"""),
    ),
    ErrorCase(
        "apply_gradients() on the values",
        "optimizer-applied-in-place",
        "self.optimizer.apply_gradients(zip(grads,",
        guide(apply="self.optimizer.apply_gradients(zip(grads, trainable_variables))"),
    ),
    ErrorCase(
        "apply()",
        "optimizer-applied-in-place",
        "self.optimizer.apply(grads, self.trainable_variables)",
        guide(apply="self.optimizer.apply(grads, self.trainable_variables)"),
    ),
    ErrorCase(
        "apply() without variables",
        "optimizer-applied-in-place",
        "self.optimizer.apply(grads)",
        guide(apply="self.optimizer.apply(grads)"),
    ),
    ErrorCase(
        "stateless_apply() gets the variables first",
        "apply-arguments",
        "self.optimizer.stateless_apply(",
        guide(apply="""trainable_variables, optimizer_variables = (
            self.optimizer.stateless_apply(
                trainable_variables, grads, optimizer_variables
            )
        )"""),
    ),
    ErrorCase(
        "stateless_apply() gets the gradients first",
        "apply-arguments",
        "self.optimizer.stateless_apply(",
        guide(apply="""trainable_variables, optimizer_variables = (
            self.optimizer.stateless_apply(
                grads, optimizer_variables, trainable_variables
            )
        )"""),
    ),
    ErrorCase(
        "stateless_apply() lacks the optimizer's variables",
        "apply-arguments",
        "trainable_variables =",
        guide(
            apply="trainable_variables = self.optimizer.stateless_apply("
            "grads, trainable_variables)"
        ),
    ),
    ErrorCase(
        "the results of stateless_apply() are swapped",
        "state-order",
        "def train_step(self, state, data):",
        guide(apply="""optimizer_variables, trainable_variables = (
            self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
        )"""),
    ),
    ErrorCase(
        "the optimizer gets a part of the variables",
        "apply-partial",
        "last, optimizer_variables = self.optimizer.stateless_apply(",
        guide(apply="""last, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, grads[-2:], trainable_variables[-2:]
        )
        trainable_variables = trainable_variables[:-2] + last"""),
    ),
    ErrorCase(
        "the gradients are a part",
        "apply-partial",
        "self.optimizer.stateless_apply(",
        guide(apply="""trainable_variables, optimizer_variables = (
            self.optimizer.stateless_apply(
                optimizer_variables, grads[-2:], trainable_variables
            )
        )"""),
    ),
    ErrorCase(
        "the loss scale of Keras 2",
        "keras-2-loss-scaling",
        "loss = self.optimizer.get_scaled_loss(",
        guide(
            loss="""self.optimizer.get_scaled_loss(
            keras.ops.mean(keras.losses.mean_squared_error(y, y_pred))
        )""",
        ),
    ),
    ErrorCase(
        "the gradients of Keras 2",
        "keras-2-loss-scaling",
        "grads = self.optimizer.get_unscaled_gradients(grads)",
        guide(apply="""grads = self.optimizer.get_unscaled_gradients(grads)
        trainable_variables, optimizer_variables = (
            self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
        )"""),
    ),
    ErrorCase(
        "the optimizer is called stateless without being built",
        "optimizer-not-built",
        "self.second.stateless_apply(",
        guide()
        .replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def compile(self, second, **settings):
        super().compile(**settings)
        self.second = second
""",
        )
        .replace("self.optimizer.stateless_apply", "self.second.stateless_apply")
        + """

def build():
    model = MyModel(*network())
    model.compile(keras.optimizers.SGD(0.1), optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    # Helpers of Keras.
    ErrorCase(
        "compute_loss_and_updates() lacks the optimizer's variables",
        "optimizer-variables-not-passed",
        "(_, aux), grads = grad_fn(tv, ntv, mv, x, y,",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        tv, ntv, ov, mv = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (_, aux), grads = grad_fn(tv, ntv, mv, x, y, sample_weight, training=True)
        loss, y_pred, ntv, mv = aux
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        logs, mv = self._update_metrics_variables(mv, loss, x, y, y_pred, sample_weight)
        return logs, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "compute_loss_and_updates() of the old guide",
        "helper-arguments",
        "(loss, (y_pred, ntv)), grads = grad_fn(tv, ntv,",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        (tv, ntv, ov, mv) = state
        x, y = data
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, ntv)), grads = grad_fn(tv, ntv, x, y, training=True)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "the loss is computed outside a scope",
        "variable-read-outside-scope",
        "loss = self.compute_loss(x, y, y_pred)",
        guide(loss="self.compute_loss(x, y, y_pred)")
        .replace("    def loss_and_updates", "    def _loss")
        .replace("self.loss_and_updates", "self._loss")
        + """

def build():
    inputs = keras.Input((3,))
    model = MyModel(inputs, keras.layers.Dense(1, kernel_regularizer="l2")(inputs))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "the model is called directly",
        "model-called-outside-scope",
        "y_pred = self(x, training=True)",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y = data
        tv, ntv, ov, mv = state

        def loss_fn(tv):
            y_pred = self(x, training=True)
            return keras.ops.mean(keras.ops.square(y - y_pred))

        loss, grads = jax.value_and_grad(loss_fn)(tv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "a metric is updated outside a scope",
        "metric-outside-scope",
        "metric.update_state(loss)",
        guide(report="""for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        logs = {m.name: m.result() for m in self.metrics}"""),
    ),
    ErrorCase(
        "an own metric is updated outside a scope",
        "metric-outside-scope",
        "self.my_loss.update_state(loss)",
        guide(report="""self.my_loss.update_state(loss)
        logs = {"my_loss": self.my_loss.result()}""").replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.my_loss = keras.metrics.Mean(name="my_loss")
""",
        ),
    ),
    # Keras 2 and TensorFlow.
    ErrorCase(
        "compiled_loss and compiled_metrics",
        "keras-2-compiled-loss",
        "return self.compiled_loss(y, y_pred), (y_pred, ntv)",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y = data
        tv, ntv, ov, mv = state

        def loss_fn(tv, ntv):
            y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)
            return self.compiled_loss(y, y_pred), (y_pred, ntv)

        grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
        (loss, (y_pred, ntv)), grads = grad_fn(tv, ntv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        self.compiled_metrics.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "compiled_metrics",
        "keras-2-compiled-loss",
        "self.compiled_metrics.update_state(y, y_pred)",
        guide(report="""self.compiled_metrics.update_state(y, y_pred)
        logs = {m.name: m.result() for m in self.metrics}"""),
    ),
    ErrorCase(
        "a gradient tape",
        "other-framework",
        "def train_step(self, data):",
        """
class MyModel(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {m.name: m.result() for m in self.metrics}
""",
    ),
    ErrorCase(
        "a gradient tape in a step with the state",
        "other-framework",
        "import tensorflow as tf",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {m.name: m.result() for m in self.metrics}
""",
    ),
    ErrorCase(
        "the backward pass of PyTorch",
        "other-framework",
        "self.zero_grad()",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y = data
        self.zero_grad()
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        loss.backward()
        return {"loss": loss}, state
""",
    ),
    ErrorCase(
        "the metrics are reset as in Keras 2",
        "keras-2-metrics-reset",
        "self.reset_states()",
        guide(report="self.reset_states()\n        " + RIGHT["report"]),
    ),
    ErrorCase(
        "train_step(self, data)",
        "step-without-state",
        "def train_step(self, data):",
        """
class MyModel(keras.Model):
    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        return {"loss": loss}
""",
    ),
    ErrorCase(
        "train_step(self, state, x, y)",
        "step-without-state",
        "def train_step(self, state, x, y):",
        """
class MyModel(keras.Model):
    def train_step(self, state, x, y):
        return {}, state
""",
    ),
    # Random numbers.
    ErrorCase(
        "keras.random without a seed",
        "random-without-seed",
        "y_pred, ntv = self.stateless_call(tv, ntv, x +",
        guide().replace(
            "self.stateless_call(tv, ntv, x,",
            "self.stateless_call(tv, ntv, x + keras.random.normal(x.shape),",
        ),
    ),
    ErrorCase(
        "keras.random without a seed in call()",
        "random-without-seed",
        "x = x + 0.1 * keras.random.normal(keras.ops.shape(x))",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x, training=False):
        if training:
            x = x + 0.1 * keras.random.normal(keras.ops.shape(x))
        return self.dense(x)


def build():
    model = MyModel()
    model(np.zeros((1, 3)))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a seed outside a scope",
        "seed-outside-scope",
        "y_pred, ntv = self.stateless_call(tv, ntv, x +",
        guide()
        .replace(
            "self.stateless_call(tv, ntv, x,",
            "self.stateless_call(tv, ntv, "
            "x + keras.random.normal(x.shape, seed=self.seed),",
        )
        .replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seed = keras.random.SeedGenerator(1)
""",
        ),
    ),
    ErrorCase(
        "a seed generator is made in the step",
        "random-key-constant",
        "",
        guide().replace(
            "self.stateless_call(tv, ntv, x,",
            "self.stateless_call(tv, ntv, "
            "x + keras.random.normal(x.shape, seed=keras.random.SeedGenerator(1)),",
        ),
        check="random numbers depend on the state",
    ),
    ErrorCase(
        "a layer with dropout inside cond",
        "seed-in-transformation",
        "x.mean() > 0, lambda x: self.drop(x,",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=False):
        x = jax.lax.cond(
            x.mean() > 0, lambda x: self.drop(x, training=training), lambda x: x, x
        )
        return self.dense(x)


def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a seed inside scan",
        "seed-in-transformation",
        "def body(h, _):",
        """
class MyModel(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.dense = keras.layers.Dense(3)
        self.out = keras.layers.Dense(1)
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        def body(h, _):
            h = h + 0.1 * keras.random.normal(h.shape, seed=self.seed)
            return self.dense(h), None

        x, _ = jax.lax.scan(body, x, None, length=3)
        return self.out(x)


def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a seed inside checkpoint",
        "seed-in-transformation",
        "block = jax.checkpoint(lambda x:",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)
        self.drop = keras.layers.Dropout(0.2)
        self.out = keras.layers.Dense(1)

    def call(self, x, training=False):
        block = jax.checkpoint(lambda x: self.drop(self.dense(x), training=training))
        return self.out(block(x))


def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a metric inside scan",
        "state-in-transformation",
        "def body(carry, row):",
        guide(report="""with keras.StatelessScope(
            zip(self.metrics_variables, metrics_variables)
        ) as scope:
            def body(carry, row):
                self._loss_tracker.update_state(row)
                return carry, None

            jax.lax.scan(body, 0.0, keras.ops.square(y - y_pred)[:, 0])
            logs = self.get_metrics_result()
        metrics_variables = [
            scope.get_current_value(v) for v in self.metrics_variables
        ]"""),
    ),
    ErrorCase(
        "a metric inside cond",
        "state-in-transformation",
        "lambda: self._loss_tracker.update_state(loss),",
        guide(report="""with keras.StatelessScope(
            zip(self.metrics_variables, metrics_variables)
        ) as scope:
            jax.lax.cond(
                loss < 1.0,
                lambda: self._loss_tracker.update_state(loss),
                lambda: None,
            )
            logs = self.get_metrics_result()
        metrics_variables = [
            scope.get_current_value(v) for v in self.metrics_variables
        ]"""),
    ),
    # Metrics and variables.
    ErrorCase(
        "a metric is updated in call()",
        "metric-in-call",
        "self.size.update_state(keras.ops.mean(y))",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.size = keras.metrics.Mean(name="size")

    def call(self, x):
        y = self.dense(x)
        self.size.update_state(keras.ops.mean(y))
        return y


def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a metric is updated in a layer",
        "metric-in-call",
        "self.size.update_state(keras.ops.mean(x))",
        """
class Measured(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.size = keras.metrics.Mean(name="size")

    def call(self, x):
        self.size.update_state(keras.ops.mean(x))
        return x


class MyModel(keras.Model):
    pass


def build():
    inputs = keras.Input((3,))
    model = MyModel(inputs, keras.layers.Dense(1)(Measured()(inputs)))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a metric is updated in the loss function",
        "metric-outside-scope",
        "self.extra.update_state(loss)",
        """
class MyModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra = keras.metrics.Mean(name="extra")

    def train_step(self, state, data):
        x, y = data
        tv, ntv, ov, mv = state

        def loss_fn(tv, ntv):
            y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)
            loss = keras.ops.mean((y - y_pred) ** 2)
            self.extra.update_state(loss)
            return loss, ntv

        (loss, ntv), grads = jax.value_and_grad(loss_fn, has_aux=True)(tv, ntv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "a metric is made in the step and kept",
        "metric-not-tracked",
        "def train_step(self, state, data):",
        guide(report="""if not hasattr(self, "tracker"):
            self.tracker = keras.metrics.Mean(name="my_loss")
        self.tracker.update_state(loss)
        logs = {"loss": self.tracker.result()}"""),
    ),
    ErrorCase(
        "a layer is made in the step",
        "variable-created",
        "loss =",
        guide(loss="keras.ops.mean((keras.layers.Dense(1)(y_pred) - y) ** 2)"),
    ),
    ErrorCase(
        "a layer is made in call()",
        "variable-created",
        "x = keras.layers.Dense(8)(x)",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1)

    def call(self, x):
        x = keras.layers.Dense(8)(x)
        return self.out(x)


def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a variable is made in compile()",
        "variable-read-outside-scope",
        "loss = self.scale * keras.ops.mean((y - y_pred) ** 2)",
        guide(loss="self.scale * keras.ops.mean((y - y_pred) ** 2)").replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.scale = self.add_weight(name="scale", initializer="ones")
""",
        ),
    ),
    ErrorCase(
        "a metric is made in compile()",
        "variable-read-outside-scope",
        'self.total.assign(self.total + logs["loss"])',
        """
class MyModel(keras.Model):
    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.total = keras.Variable(0.0, name="total")

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        self.total.assign(self.total + logs["loss"])
        logs["total"] = self.total
        return logs, state
""",
    ),
    ErrorCase(
        "a config with an argument that __init__() lacks",
        "config-argument-unexpected",
        "def __init__(self):",
        """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def get_config(self):
        return {"width": 1}

    def call(self, x):
        return self.dense(x)

    def train_step(self, state, data):
        tv, ntv, ov, mv = state
        x, y = data

        def loss_fn(tv):
            y_pred, _ = self.stateless_call(tv, ntv, x)
            return keras.ops.mean((y - y_pred) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(tv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)


def build():
    model = MyModel()
    model.compile(optimizer="adam")
    return model, data()
""",
        check="a loaded model continues training",
    ),
    ErrorCase(
        "trainable is changed after compile()",
        "trainable-changed",
        "self.optimizer.stateless_apply(",
        guide() + """

def build():
    model = MyModel(*network())
    model.compile(optimizer="adam", loss="mse")
    model.fit(*data(16), verbose=0)
    model.layers[1].trainable = False
    return model, data()
""",
    ),
    ErrorCase(
        "trainable is changed after compile(), with Keras's own step",
        "trainable-changed",
        "class MyModel(keras.Model):",
        """
class MyModel(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kw):
        return keras.ops.mean(keras.ops.square(y - y_pred))


def build():
    model = MyModel(*network())
    model.compile(optimizer="adam")
    model.optimizer.build(model.trainable_variables)
    model.layers[1].trainable = False
    return model, data()
""",
    ),
    ErrorCase(
        "the model is built outside the distribution's scope",
        "built-outside-distribution",
        "def train_step(self, state, data):",
        guide() + """

def build():
    keras.distribution.set_distribution(None)
    model = MyModel(*network())
    model.compile(optimizer="adam", loss="mse")
    distribution = keras.distribution.DataParallel()
    keras.distribution.set_distribution(distribution)
    return model, data()
""",
    ),
    ErrorCase(
        "the model is trained outside the distribution's scope",
        "step-recompiled",
        "",
        guide() + """

def build():
    distribution = keras.distribution.DataParallel()
    with distribution.scope():
        inputs, outputs = network()
    model = MyModel(inputs, outputs)
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
        check="each step compiles once",
    ),
    ErrorCase(
        "get_config() is missing",
        "get-config-missing",
        "class MyModel(keras.Model):",
        """
class MyModel(keras.Model):
    def __init__(self, width, depth):
        super().__init__()
        self.blocks = [keras.layers.Dense(width) for _ in range(depth)]
        self.out = keras.layers.Dense(1)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def build():
    model = MyModel(4, depth=2)
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
        check="a loaded model continues training",
    ),
    ErrorCase(
        "get_config() lacks an argument",
        "config-argument-missing",
        "def __init__(self, width, beta):",
        """
class MyModel(keras.Model):
    def __init__(self, width, beta):
        super().__init__()
        self.width, self.beta = width, beta
        self.hidden = keras.layers.Dense(width)
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x)) * self.beta

    def get_config(self):
        return {"width": self.width}


def build():
    model = MyModel(4, 0.5)
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
        check="a loaded model continues training",
    ),
    ErrorCase(
        "get_config() returns a model",
        "variables-not-restored",
        "class MyModel(keras.Model):",
        """
class MyModel(keras.Model):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def call(self, x):
        return self.encoder(x)

    def get_config(self):
        return {"encoder": self.encoder}


def build():
    model = MyModel(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
        check="a loaded model continues training",
    ),
    # Values that are needed while the step is compiled.
    ErrorCase(
        "float(loss)",
        "number-from-array",
        'return {"loss": float(loss)}, (',
        guide(result="""{"loss": float(loss)}, (
            trainable_variables, non_trainable_variables, optimizer_variables,
            metrics_variables)"""),
    ),
    ErrorCase(
        "if loss > 0",
        "condition-on-array",
        "if loss > 1.0:",
        guide(report="""if loss > 1.0:
            loss = loss * 0.5
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "loss.numpy()",
        "number-from-array",
        "print(loss.numpy())",
        guide(report="""print(loss.numpy())
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "loss.item()",
        "number-from-array",
        "self.history_of_loss = loss.item()",
        guide(report="""self.history_of_loss = loss.item()
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "np.square of a tracer",
        "numpy-in-step",
        "loss = np.mean(np.square(y - y_pred))",
        guide(loss="np.mean(np.square(y - y_pred))"),
    ),
    ErrorCase(
        "np.array of a tracer",
        "numpy-in-step",
        "error = np.array(y_pred) - y",
        guide(report="""error = np.array(y_pred) - y
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "print(float())",
        "number-from-array",
        'print(f"loss {float(loss):.3f}")',
        guide(report="""print(f"loss {float(loss):.3f}")
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "format of a tracer",
        "number-from-array",
        'print(f"loss {loss:.3f}")',
        guide(report="""print(f"loss {loss:.3f}")
        """ + RIGHT["report"]),
    ),
    ErrorCase(
        "a boolean mask",
        "condition-on-array",
        "loss = keras.ops.mean((y - y_pred)[y > 0] ** 2)",
        guide(loss="keras.ops.mean((y - y_pred)[y > 0] ** 2)"),
    ),
    ErrorCase(
        "range of a tracer",
        "number-from-array",
        "for _ in range(keras.ops.cast(keras.ops.sum(y >",
        guide(loss="""keras.ops.mean((y - y_pred) ** 2)
        for _ in range(keras.ops.cast(keras.ops.sum(y > 0), "int32")):
            loss = loss * 0.9"""),
    ),
    # The batch.
    ErrorCase(
        "a pair",
        "batch-unpacked-as-pair",
        "x, y = data",
        guide().replace(
            "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
            "x, y = data\n        sample_weight = None",
        ),
        check="train_on_batch trains like fit",
    ),
    ErrorCase(
        "a triple",
        "batch-unpacked-as-triple",
        "x, y, sample_weight = data",
        guide().replace(
            "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
            "x, y, sample_weight = data",
        ),
    ),
    ErrorCase(
        "targets are missing",
        "targets-missing",
        "class MyModel(keras.Model):",
        guide() + """

def build():
    model = MyModel(*network())
    model.compile(optimizer="adam", loss="mse")
    return model, data()[0]
""",
    ),
    ErrorCase(
        "a pair without targets",
        "targets-missing",
        "class MyModel(keras.Model):",
        guide().replace(
            "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
            "x, y = data\n        sample_weight = None",
        )
        + """

def build():
    model = MyModel(*network())
    model.compile(optimizer="adam", loss="mse")
    return model, data()[0]
""",
    ),
    ErrorCase(
        "a dict is expected",
        "batch-not-dict",
        'x, y = data["x"], data["y"]',
        guide().replace(
            "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
            'x, y = data["x"], data["y"]\n        sample_weight = None',
        ),
    ),
    # The differentiated function.
    ErrorCase(
        "has_aux is missing",
        "aux-not-declared",
        "(loss, (y_pred, non_trainable_variables)), grads = grad_fn(",
        guide().replace(", has_aux=True", ""),
    ),
    ErrorCase(
        "the loss has a value per sample",
        "loss-not-scalar",
        "(loss, (y_pred, non_trainable_variables)), grads = grad_fn(",
        guide(loss="keras.losses.mean_squared_error(y, y_pred)"),
    ),
    ErrorCase(
        "has_aux without aux",
        "aux-not-returned",
        "(loss, ntv), grads = jax.value_and_grad(loss_fn,",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        tv, ntv, ov, mv = state

        def loss_fn(tv):
            y_pred, _ = self.stateless_call(tv, ntv, x)
            return keras.ops.mean((y - y_pred) ** 2)

        (loss, ntv), grads = jax.value_and_grad(loss_fn, has_aux=True)(tv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "the gradient of all the state",
        "gradient-of-integers",
        "loss, grads = jax.value_and_grad(loss_fn)(state)",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

        def loss_fn(state):
            y_pred, _ = self.stateless_call(state[0], state[1], x)
            return keras.ops.mean((y - y_pred) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(state)
        tv, ov = self.optimizer.stateless_apply(state[2], grads[0], state[0])
        return {"loss": loss}, (tv, state[1], ov, state[3])
""",
    ),
    ErrorCase(
        "stateless_call() is unpacked wrongly",
        "result-not-unpacked",
        "return keras.ops.mean((y - y_pred) ** 2)",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        tv, ntv, ov, mv = state

        def loss_fn(tv):
            y_pred = self.stateless_call(tv, ntv, x, training=True)
            return keras.ops.mean((y - y_pred) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(tv)
        tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        return {"loss": loss}, (tv, ntv, ov, mv)
""",
    ),
    ErrorCase(
        "variables are returned",
        "variable-returned",
        "def train_step(self, state, data):",
        guide(
            report=RIGHT["report"]
            + "\n        metrics_variables = self.metrics_variables"
        ),
    ),
    ErrorCase(
        "variables are passed",
        "variable-passed",
        "(loss, (y_pred, non_trainable_variables)), grads = grad_fn(",
        guide().replace(
            " trainable_variables, non_trainable_variables, x,",
            " self.trainable_variables, non_trainable_variables, x,",
        ),
    ),
    ErrorCase(
        "a list is added",
        "losses-not-summed",
        "loss = keras.ops.mean((y - y_pred) ** 2) + self.losses",
        guide(loss="keras.ops.mean((y - y_pred) ** 2)" " + self.losses"),
    ),
    ErrorCase(
        "the results of stateless_apply() are unpacked wrongly",
        "unpacked-wrongly",
        "trainable_variables, optimizer_variables, _ = (",
        guide(apply="""trainable_variables, optimizer_variables, _ = (
            self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
        )"""),
    ),
    ErrorCase(
        "a global seed generator",
        "seed-not-tracked",
        "def train_step(self, state, data):",
        guide()
        .replace(
            "self.stateless_call(tv, ntv, x,",
            "self.stateless_call(tv, ntv, x + keras.random.normal(x.shape, seed=SEED),",
        )
        .replace(
            "class MyModel", "SEED = keras.random.SeedGenerator(1)\n\n\nclass MyModel"
        ),
        check="the state works as a scan carry",
    ),
    ErrorCase(
        "the loss tracker is weighted by weights that fit() does not get",
        "tracker-weights-missing",
        "update_state(loss, sample_weight=keras.ops.sum(sample_weight))",
        guide(
            report=RIGHT["report"].replace(
                "sample_weight=len(x)", "sample_weight=keras.ops.sum(sample_weight)"
            )
        ),
    ),
    ErrorCase(
        "weights that fit() does not get",
        "batch-part-missing",
        "loss = keras.ops.mean(sample_weight * (y - y_pred) ** 2)",
        guide(loss="keras.ops.mean(sample_weight * (y - y_pred) ** 2)"),
    ),
    ErrorCase(
        "a running mean in an attribute",
        "tracer-leaked",
        "self.mean = 0.9 * self.mean + 0.1 * loss",
        guide(
            report="self.mean = 0.9 * self.mean + 0.1 * loss\n        "
            + RIGHT["report"]
        ).replace("    def loss_and", "    mean = 0.0\n\n    def loss_and"),
        check="the state works as a scan carry",
    ),
    ErrorCase(
        "another number of rows",
        "rows-fixed",
        "y_pred = keras.ops.reshape(y_pred, (32, 1))",
        guide(
            loss="0.0\n        y_pred = keras.ops.reshape(y_pred, (32, 1))\n"
            "        loss = keras.ops.mean((y - y_pred) ** 2)"
        ),
    ),
    ErrorCase(
        "the loss in place of the logs",
        "logs-not-dict",
        "def train_step(self, state, data):",
        guide(result=RIGHT["result"].replace("logs", "loss")),
    ),
    ErrorCase(
        "compute_loss_and_updates() with another signature",
        "helper-signature-changed",
        "def compute_loss_and_updates(self, tv, ntv, x, y, sample_weight):",
        guide().replace("loss_and_updates", "compute_loss_and_updates"),
    ),
    ErrorCase(
        "call() without training",
        "training-not-accepted",
        "y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)",
        guide().replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(x)
""",
        )
        + """

def build():
    model = MyModel()
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "aux before the loss",
        "aux-before-loss",
        "jax.value_and_grad(loss_fn, has_aux=True)",
        closure(loss="return (y_pred, ntv), keras.ops.mean((y - y_pred) ** 2)"),
    ),
    ErrorCase(
        "aux in several values",
        "aux-not-returned",
        "jax.value_and_grad(loss_fn, has_aux=True)",
        closure(loss="return keras.ops.mean((y - y_pred) ** 2), y_pred, ntv"),
    ),
    ErrorCase(
        "jax.grad() in place of jax.value_and_grad()",
        "gradient-unpacked-wrongly",
        "jax.grad(loss_fn, has_aux=True)",
        closure(grad="jax.grad"),
    ),
    ErrorCase(
        "an integer loss",
        "loss-not-real",
        "jax.value_and_grad(loss_fn, has_aux=True)",
        closure(loss="return keras.ops.sum(keras.ops.argmax(y_pred)), (y_pred, ntv)"),
    ),
    ErrorCase(
        "the losses of regularizers",
        "losses-outside-scope",
        "sum(self.losses)",
        closure(
            loss="return keras.ops.mean((y - y_pred) ** 2) + sum(self.losses), "
            "(y_pred, ntv)"
        )
        + """

def build():
    inputs = keras.Input((3,))
    model = MyModel(inputs, keras.layers.Dense(1, kernel_regularizer="l2")(inputs))
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "compute_loss() of Keras 2",
        "compute-loss-arguments",
        "return self.compute_loss(y, y_pred), (y_pred, ntv)",
        closure(loss="return self.compute_loss(y, y_pred), (y_pred, ntv)"),
    ),
    ErrorCase(
        "the compiled loss of two outputs updates metrics",
        "metric-outside-scope",
        "loss = self._compile_loss(y, y_pred, sample_weight)",
        guide(loss="self._compile_loss(y, y_pred, sample_weight)") + """

def build():
    inputs, outputs = network()
    model = MyModel(inputs, {"one": outputs, "two": outputs + 1})
    model.compile(optimizer="adam", loss="mse")
    x, y = data()
    return model, (x, {"one": y, "two": y})
""",
    ),
    ErrorCase(
        "the loss of compile() is called",
        "compiled-loss-called",
        "return self.loss(y, y_pred), (y_pred, ntv)",
        closure(loss="return self.loss(y, y_pred), (y_pred, ntv)"),
    ),
    ErrorCase(
        "minimize()",
        "optimizer-method-unknown",
        "self.optimizer.minimize(loss, self.trainable_variables)",
        closure(apply="self.optimizer.minimize(loss, self.trainable_variables)"),
    ),
    ErrorCase(
        "a text in the logs",
        "log-not-array",
        "def train_step(self, state, data):",
        closure(report='logs = {"loss": loss, "mode": "train"}'),
    ),
    ErrorCase(
        "the logs are a list",
        "logs-not-dict",
        "def train_step(self, state, data):",
        closure(report="logs = [loss]"),
    ),
    ErrorCase(
        "predict() in the step",
        "trainer-in-step",
        "self.predict(x)",
        closure(report='logs = {"loss": loss, "mean": self.predict(x).mean()}'),
    ),
    ErrorCase(
        "the variables of all metrics for one",
        "metric-variables-mixed",
        "mv = self.metrics[0].stateless_update_state(mv, loss)",
        closure(
            report="mv = self.metrics[0].stateless_update_state(mv, loss)\n"
            "        logs = {}"
        ),
    ),
    ErrorCase(
        "jax.jit on train_step()",
        "self-traced",
        "self.stateless_call(",
        closure().replace("    def train_step", "    @jax.jit\n    def train_step"),
    ),
    ErrorCase(
        "data before the state",
        "step-arguments-swapped",
        "x, y = data",
        """
class MyModel(keras.Model):
    def train_step(self, data, state):
        x, y = data
        return super().train_step(state, data)
""",
    ),
    ErrorCase(
        "super().train_step() without the state",
        "super-step-arguments",
        "return super().train_step(data)",
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        return super().train_step(data)
""",
    ),
    ErrorCase(
        "super().train_step() is not unpacked",
        "result-not-unpacked",
        'logs["rate"] = 0.1',
        """
class MyModel(keras.Model):
    def train_step(self, state, data):
        logs = super().train_step(state, data)
        logs["rate"] = 0.1
        return logs
""",
    ),
    ErrorCase(
        "batch normalization inside vmap",
        "state-in-vmap",
        "x = jax.vmap(",
        own_call(
            "self.norm = keras.layers.BatchNormalization()",
            "x = jax.vmap(lambda r: self.norm(r[None], training=training)[0])(x)",
        ),
    ),
    ErrorCase(
        "dropout inside fori_loop",
        "seed-in-transformation",
        "x = jax.lax.fori_loop(",
        own_call(
            "self.drop = keras.layers.Dropout(0.1)",
            "x = jax.lax.fori_loop(0, 3, lambda _, x: self.drop(x, training=True), x)",
        ),
    ),
    ErrorCase(
        "two outputs",
        "single-output",
        "return keras.ops.mean((y - y_pred) ** 2), (y_pred, ntv)",
        closure() + """

def build():
    inputs = keras.Input((3,))
    outputs = {"a": keras.layers.Dense(1)(inputs), "b": keras.layers.Dense(1)(inputs)}
    model = MyModel(inputs, outputs)
    model.compile(optimizer="adam", loss={"a": "mse", "b": "mse"})
    x, y = data()
    return model, (x, {"a": y, "b": y})
""",
    ),
    ErrorCase(
        "stateless_call() gets the other variables first",
        "stateless-call-arguments",
        "y_pred, ntv = self.stateless_call(ntv, tv, x)",
        closure(
            loss="y_pred, ntv = self.stateless_call(ntv, tv, x)\n"
            "            return keras.ops.mean((y - y_pred) ** 2), (y_pred, ntv)"
        ),
    ),
    ErrorCase(
        "a scope maps the wrong values",
        "scope-mapping",
        "with keras.StatelessScope(zip(self.metrics_variables, ov)):",
        closure(
            report="with keras.StatelessScope(zip(self.metrics_variables, ov)):\n"
            "            logs = self.compute_metrics(x, y, y_pred, w)"
        ),
    ),
    ErrorCase(
        "values of variables that a scope does not map",
        "state-value-missing",
        "def train_step(self, state, data):",
        closure(
            report="with keras.StatelessScope() as scope:\n"
            '            logs = {"loss": loss}\n'
            "        mv = [scope.get_current_value(v) for v in self.metrics_variables]"
        ),
    ),
    ErrorCase(
        "gradients in another order",
        "gradient-order",
        "self.optimizer.stateless_apply(ov, grads[::-1], tv)",
        closure(
            apply="tv, ov = self.optimizer.stateless_apply(ov, grads[::-1], tv)",
        ),
    ),
    ErrorCase(
        "an optimizer is built before the model",
        "optimizer-built-early",
        "class MyModel(keras.Model):",
        """
class MyModel(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.out = keras.layers.Dense(1)

    def compile(self, **settings):
        super().compile(**settings)
        self.optimizer.build(self.trainable_variables)

    def call(self, x):
        return self.out(x)


def build():
    model = MyModel()
    model.compile(optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a variable of call() is made in compile()",
        "variables-not-restored",
        "class MyModel(keras.Model):",
        """
class MyModel(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.out = keras.layers.Dense(1)

    def compile(self, **settings):
        super().compile(**settings)
        self.scale = self.add_weight(name="scale", initializer="ones", shape=())

    def call(self, x):
        return self.out(x) * self.scale


def build():
    model = MyModel()
    model.compile(optimizer="adam", loss="mse")
    model(np.zeros((1, 3), "float32"))
    return model, data()
""",
        check="a loaded model continues training",
    ),
    ErrorCase(
        "a second optimizer in a variable of Python",
        "variable-read-outside-scope",
        "self.second.stateless_apply(",
        closure(
            apply="tv, _ = self.second.stateless_apply("
            "self.second.variables, grads, tv)"
        ).replace(
            "class MyModel(keras.Model):",
            """class MyModel(keras.Model):
    def compile(self, second, **settings):
        super().compile(**settings)
        self.second = second
        self.second.build(self.trainable_variables)
        self.second_variables = self.second.variables
""",
        )
        + """

def build():
    model = MyModel(*network())
    model.compile(keras.optimizers.Adam(), optimizer="adam", loss="mse")
    return model, data()
""",
    ),
    ErrorCase(
        "a shape from an array",
        "shape-from-array",
        "jnp.unique(y)",
        closure(report='logs = {"loss": loss, "values": jnp.unique(y).sum()}'),
    ),
    ErrorCase(
        "random numbers of NumPy",
        "random-outside-jax",
        "noise = np.random.normal(size=x.shape)",
        closure(
            loss="noise = np.random.normal(size=x.shape)\n"
            "            y_pred, ntv = self.stateless_call(tv, ntv, x + noise)\n"
            "            return keras.ops.mean((y - y_pred) ** 2), (y_pred, ntv)"
        ),
    ),
    ErrorCase(
        "random numbers of Python in call()",
        "random-outside-jax",
        "x = x * random.uniform(0.9, 1.1)",
        "\nimport random\n" + own_call("pass", "x = x * random.uniform(0.9, 1.1)"),
    ),
    ErrorCase(
        "a typo",
        "error-in-step",
        "loss = keras.ops.mean((y - ypred) ** 2)",
        guide(loss="keras.ops.mean((y - ypred) ** 2)"),
    ),
    ErrorCase(
        "its own error",
        "error-in-step",
        'raise NotImplementedError("write me")',
        guide(loss="self.check(y, y_pred)") + """
    def check(self, y, y_pred):
        raise NotImplementedError("write me")
""",
    ),
)
