"""`--fuse-steps`: the same training as without it, in fewer calls.

Every case of `scaffold.verify.parity` is compared with `keras.Model` again, with
fused steps; and so is what only fused steps can get wrong: which rows a step gets, what
callbacks see, what runs in a loop and what must not.
"""

import io
import itertools
import re
from contextlib import redirect_stdout
from dataclasses import replace

import jax
import keras
import numpy as np
import pytest
from keras_numbers import differences, reference
from matrix import text
from test_parity import one_each, pairs

from scaffold import Spec
from scaffold.verify.class_under_test import execute, generated_class
from scaffold.verify.parity.differences import compare

FUSED = Spec(fuse_steps=True, sample_weight=True)

#: The features, data and mistakes that pytest takes every day; CI takes all.
DAILY = (
    *("validation_data", "shuffling", "DataParallel", "PyDataset"),
    *("arrays, shuffled", "a loop drops its last step"),
    *("another order", "the logs of the first step", "rows in other batches"),
)


#: From 3.16, Keras itself stacks the batches of an execution and loops over them.
KERAS = [int(n) for n in keras.version().split(".")[:2]]
STACKS = KERAS > [3, 15]


def every(names) -> list:
    """Lists all names as parameters: some for every day, in CI all."""
    return [pytest.param(name, marks=marks(name)) for name in names]


def marks(name: str) -> list:
    """Returns how a test is marked, by its name."""
    return [] if name in DAILY else [pytest.mark.exhaustive]


def with_fusion(case, steps):
    """Returns a case that runs some steps at once."""
    compiled = case.compile
    return replace(case, compile=lambda: {"steps_per_execution": steps, **compiled()})


def features() -> list:
    """Lists the parity cases with classes that fuse steps; four batches make an epoch.

    Two steps at once divide them, three do not, and four take the smaller last with
    them. Of the two opposite classes of a case, one takes its turn.
    """
    found = []
    for number, param in enumerate(one_each(pairs(turns=(0,)))):
        case, spec = param.values
        values = (with_fusion(case, 2 + number % 3), replace(spec, fuse_steps=True))
        found.append(pytest.param(*values, id=param.id, marks=marks(case.name)))
    return found


@pytest.mark.parametrize(("case", "spec"), features())
def test_feature(case, spec, monkeypatch):
    """A feature of Keras works with fused steps as with Keras's own, to 1e-6."""
    monkeypatch.setattr("scaffold.verify.parity.differences.RTOL", 1e-6)
    subject = generated_class(spec)
    if STACKS and case.name == "sparse inputs":
        with pytest.raises(ValueError, match="not supported with sparse"):
            differences(case, subject)
        return
    if STACKS and case.train:
        pytest.skip("Keras 3.16 itself takes the rows of one batch for many batches")

    found = differences(case, subject)

    assert [] == [d for d in found if not d.close]
    assert reference(case, subject)["moved"]


ROWS, BATCH = 150, 16  # Ten batches, the last one of 6 rows.


def arrays(rows=ROWS, dtype="float32"):
    """Makes inputs, targets and weights."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 4))
    return [a.astype(dtype) for a in (x, x[:, :1] - x[:, 1:2], rng.uniform(size=rows))]


class Batches(keras.utils.PyDataset):
    """A data set with batches of any sizes."""

    def __init__(self, sizes, **settings):
        """Takes the number of rows of each batch."""
        super().__init__(**settings)
        self.ends = np.cumsum([0, *sizes])

    def __len__(self):
        """Returns the number of batches."""
        return len(self.ends) - 1

    def __getitem__(self, index):
        """Returns a batch with weights."""
        rows = slice(self.ends[index], self.ends[index + 1])
        return tuple(a[rows] for a in arrays(self.ends[-1]))


class Endless(Batches):
    """A data set without a number of batches."""

    num_batches = None


class Changing(Batches):
    """A data set whose targets depend on the epoch."""

    epochs = 0

    def on_epoch_end(self):
        """Counts the epochs."""
        self.epochs += 1

    def __getitem__(self, index):
        """Returns a batch of this epoch."""
        x, y, weight = super().__getitem__(index)
        return x, y + self.epochs, weight


class Lists(Batches):
    """A data set whose batches are lists, which Keras converts to tuples."""

    def __getitem__(self, index):
        """Returns a batch as a list."""
        return list(super().__getitem__(index))


class Classes(Batches):
    """A data set with class indices as targets."""

    def __getitem__(self, index):
        """Returns a batch without weights."""
        x, y, _ = super().__getitem__(index)
        return x, (y > 0).astype("int32")


class Again(Batches):
    """A data set that reuses its arrays for every batch."""

    def __init__(self):
        """Makes the arrays."""
        super().__init__([16] * 9)
        self.arrays = [np.empty_like(a) for a in super().__getitem__(0)]

    def __getitem__(self, index):
        """Fills the arrays with a batch."""
        for array, batch in zip(self.arrays, super().__getitem__(index), strict=True):
            array[:] = batch
        return tuple(self.arrays)


def forever():
    """Yields batches, the last of each round small."""
    while True:
        for start in range(0, ROWS, BATCH):
            yield tuple(a[start : start + BATCH] for a in arrays())


def x_y(**arguments):
    """Makes arguments of `fit()`, with arrays."""
    x, y, _ = arrays()
    return {"x": x, "y": y, "batch_size": BATCH, **arguments}


#: Ways to give data to `fit()`, each with fresh arguments.
DATA = {
    "arrays in order": lambda: x_y(shuffle=False),
    "arrays, shuffled": x_y,
    "arrays, shuffled in batches": lambda: x_y(shuffle="batch"),
    "arrays with weights": lambda: x_y(sample_weight=arrays()[2]),
    "arrays, default batch size": lambda: x_y(batch_size=None),
    "arrays on the device": lambda: x_y(x=jax.numpy.asarray(arrays()[0])),
    "arrays of float64": lambda: x_y(x=arrays(dtype="float64")[0]),
    "a row less than a batch": lambda: x_y(batch_size=ROWS + 1),
    "batches without a rest": lambda: x_y(batch_size=15),
    "a batch size of NumPy's": lambda: x_y(batch_size=np.int64(BATCH)),
    "validation_split": lambda: x_y(validation_split=0.4),
    "validation_data": lambda: x_y(validation_data=tuple(arrays(90)[:2])),
    "validation_batch_size": lambda: x_y(
        validation_data=tuple(arrays(90)[:2]), validation_batch_size=40
    ),
    "class_weight": lambda: x_y(
        y=(arrays()[1] > 0).astype("int32"), class_weight={0: 1.0, 1: 3.0}
    ),
    "steps_per_epoch": lambda: x_y(steps_per_epoch=3),
    "initial_epoch": lambda: x_y(initial_epoch=1),
    "a data set": lambda: {"x": Batches([16] * 10 + [6]), "shuffle": False},
    "batches of two sizes": lambda: {"x": Batches([16, 8] * 5), "shuffle": False},
    "a data set, shuffled": lambda: {"x": Batches([16] * 10 + [6])},
    "a data set in threads": lambda: {"x": Batches([16] * 10 + [6], workers=3)},
    "a data set without an end": lambda: {
        "x": Endless([16] * 40),
        "shuffle": False,
        "steps_per_epoch": 10,
    },
    "a data set that changes": lambda: {"x": Changing([16] * 10 + [6])},
    "a data set of lists": lambda: {"x": Lists([16] * 10 + [6])},
    "a data set, and class_weight": lambda: {
        "x": Classes([16] * 10 + [6]),
        "class_weight": {0: 1.0, 1: 3.0},
    },
    "validation_data, a data set": lambda: x_y(validation_data=Batches([16] * 5 + [9])),
    "validation_data, a generator": lambda: x_y(
        validation_data=forever(), validation_steps=4
    ),
    "validation_split and weights": lambda: x_y(
        validation_split=0.3, sample_weight=arrays()[2], validation_batch_size=20
    ),
    "a generator": lambda: {"x": forever(), "steps_per_epoch": 10},
    "a generator that ends": lambda: {"x": (Batches([16] * 25)[i] for i in range(25))},
}


class Recorder(keras.callbacks.Callback):
    """Notes what Keras calls, with the numbers of the steps and their logs."""

    def __init__(self, stop_at=None):
        """Stops the training after a step, if one is given."""
        super().__init__()
        self.seen, self.logs, self.stop_at = [], [], stop_at

    def set_params(self, params):
        """Notes how many steps there will be."""
        super().set_params(params)
        self.seen.append({k: params.get(k) for k in ("steps", "epochs")})

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the epoch."""
        self.seen.append(("epoch", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        """Notes the step."""
        self.seen.append(("train begins", batch))

    def on_train_batch_end(self, batch, logs=None):
        """Notes the step and its logs."""
        self.seen.append(("train ends", batch))
        self.logs.append(dict(logs))
        self.model.stop_training = batch == self.stop_at

    def on_test_batch_end(self, batch, logs=None):
        """Notes the step and its logs."""
        self.seen.append(("test ends", batch))
        self.logs.append(dict(logs))


def fused_class(**options):
    """Returns the class that a spec generates, with fused steps."""
    return generated_class(replace(FUSED, **options)).load()


def small(base, units=8, layer=None, **compiled):
    """Builds and compiles a model: always the same, for one seed."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    hidden = keras.layers.Dropout(0.3)(layer(hidden) if layer else hidden)
    model = base(inputs, keras.layers.Dense(1)(hidden))
    settings = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}
    model.compile(**{**settings, "steps_per_execution": 4, **compiled})
    return model


def observed(model, calls) -> dict:
    """Trains with several calls of `fit()`; returns all that can be seen of it."""
    seen = {"history": [], "calls": [], "logs": []}
    for arguments in calls:
        recorder = arguments.pop("recorder", None) or Recorder()
        arguments = {"epochs": 3, "verbose": 0, "callbacks": [recorder], **arguments}
        seen["history"].append(model.fit(**arguments).history)
        seen["calls"].append(str(recorder.seen))
        seen["logs"].append(recorder.logs)
    x, y, weight = arrays(77)
    seen["evaluate"] = [
        model.evaluate(x, y, batch_size=size, verbose=0) for size in (10, 16, 100)
    ]
    seen["weighted"] = model.evaluate(x, y, sample_weight=weight, verbose=0)
    seen["predict"] = model.predict(x, batch_size=9, verbose=0)
    seen["weights"] = model.get_weights()
    seen["optimizer"] = [np.array(v) for v in model.optimizer.variables]
    return seen


def apart(*calls, fused=None, fresh=None, **settings) -> list:
    """Compares a class that fuses steps with `keras.Model`, in training.

    The model of Keras can train on fresh data instead.
    """
    expected = [call() for call in (fresh or calls)]
    reference = observed(small(keras.Model, **settings), expected)
    model = small(fused or fused_class(), **settings)
    return [
        d
        for d in compare(reference, observed(model, [call() for call in calls]))
        if not d.close
    ]


def test_batches_with_one_number():
    """Batches that cannot be joined run one after the other, as with Keras."""

    def scaled(base):
        class Scaled(base):
            def call(self, x):
                return self.layer(x["rows"]) * x["scale"]

            def __init__(self):
                keras.Model.__init__(self)
                self.layer = keras.layers.Dense(1)

        return Scaled

    def batches():
        x, y, _ = arrays(64)
        for start in range(0, 64, 8):
            rows = slice(start, start + 8)
            yield {"rows": x[rows], "scale": np.float32(start)}, y[rows]

    seen = []
    for base in keras.Model, fused_class():
        keras.utils.set_random_seed(5)
        model = scaled(base)()
        model.compile("sgd", "mse", steps_per_execution=4)
        history = model.fit(batches(), epochs=1, verbose=0).history
        seen.append((history, [w.tolist() for w in model.get_weights()]))

    assert seen[0] == seen[1]


def test_single_batches():
    """A batch with as many rows as an execution has steps is still one batch."""
    reference = small(keras.Model, steps_per_execution=1)
    model = small(fused_class())
    for rows in (4, 16, 4):
        x, y, _ = arrays(rows)
        for name in ("train_on_batch", "test_on_batch"):
            assert getattr(reference, name)(x, y) == getattr(model, name)(x, y)
    assert [] == apart(x_y, fused=fused_class())


@pytest.mark.parametrize("name", every(DATA))
def test_data(name):
    """Wherever the data come from: the same rows for each step, the same callbacks."""
    assert [] == apart(DATA[name])


@pytest.mark.exhaustive
@pytest.mark.parametrize("test_step", [False, True])
def test_one_after_another(test_step):
    """One model trains on anything after anything else; nothing compiled is stale."""
    calls = [
        DATA["arrays, shuffled"],
        DATA["a data set"],
        lambda: x_y(batch_size=64),
        lambda: x_y(batch_size=150),
        DATA["a generator"],
        lambda: x_y(batch_size=15, recorder=Recorder(stop_at=3)),
        DATA["arrays, shuffled"],
    ]

    assert [] == apart(*calls, fused=fused_class(test_step=test_step))


@pytest.mark.parametrize("name", every(["arrays, shuffled", "a data set"]))
def test_data_that_keras_fetches_ahead(name, monkeypatch):
    """On other devices than a CPU, Keras asks for a batch before it needs it."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")

    assert [] == apart(DATA[name], DATA[name])


class Changes(Recorder):
    """Changes how many steps make an execution, in the middle of an epoch."""

    def __init__(self, steps):
        """Takes the new number."""
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        """Changes it after the first execution."""
        super().on_train_batch_end(batch, logs)
        self.model.steps_per_execution = self.steps


@pytest.mark.skipif(STACKS, reason="Keras 3.16 stacks as many batches as before")
@pytest.mark.exhaustive
@pytest.mark.parametrize("steps", [2, 8])
def test_another_number_of_steps(steps):
    """A callback may change `steps_per_execution`, with what Keras makes of it."""
    assert [] == apart(lambda: x_y(recorder=Changes(steps), epochs=2), x_y)


def doubled(base):
    """Returns a class with a `train_step()` that changes the batch."""

    class Doubled(base):
        def train_step(self, state, data):
            x, y = data
            return super().train_step(state, (2 * x, y))

    return Doubled


def keyed(base):
    """Returns a class whose inputs are a dict, with an integer for its key."""

    class Keyed(base):
        def __init__(self):
            keras.Model.__init__(self)
            self.layer = keras.layers.Dense(1)

        def call(self, x):
            return self.layer(x[0])

    return Keyed


@pytest.mark.parametrize("subclass", [doubled, keyed])
def test_subclass(subclass):
    """A step of a subclass gets one batch at a time, and a dict stays a dict."""
    seen = []
    x, y, _ = arrays()
    for base in (keras.Model, fused_class()):
        keras.utils.set_random_seed(5)
        if subclass is keyed:
            if base is not keras.Model:
                base = fused_class(style="subclass")
            model, data = keyed(base)(), {"x": {0: x}, "y": y}
        else:
            inputs = keras.Input((4,))
            model, data = subclass(base)(inputs, keras.layers.Dense(1)(inputs)), x_y()
        model.compile("adam", "mse", steps_per_execution=4)
        seen.append(model.fit(**data, epochs=2, verbose=0).history)

    assert seen[0] == seen[1]


def test_made_by_hand():
    """`make_train_function()` may be called before the model is built."""
    expected = small(keras.Model).fit(**x_y(), verbose=0).history
    model = small(fused_class())
    model.make_train_function()

    assert expected == model.fit(**x_y(), verbose=0).history


def test_limits_of_keras():
    """The limits that `keras.config` sets hold, and masked arrays are refused."""
    keras.config.set_max_steps_per_epoch(3)
    try:
        assert [] == apart(lambda: x_y(batch_size=None))
    finally:
        keras.config.set_max_steps_per_epoch(None)
    with pytest.raises(ValueError, match="masked"):
        small(fused_class()).fit(**x_y(x=np.ma.masked_array(arrays()[0])), verbose=0)


@pytest.mark.exhaustive
def test_metrics_that_grow():
    """A metric may make its variables late: in a loop they are there from the start."""
    options = {"metric": ("r2_score", "mae"), "manual_metrics": True}
    options |= {"test_step": True, "sample_weight": True}
    seen = []
    for fuse in (False, True):
        base = generated_class(Spec(**options, fuse_steps=fuse)).load()
        # Keras 3.16 itself cannot loop over them.
        steps = {} if fuse or not STACKS else {"steps_per_execution": 1}
        model = small(base, metrics=None, **steps)
        history = model.fit(**x_y(validation_split=0.3), epochs=2, verbose=0).history
        seen.append((history, model.evaluate(*arrays()[:2], verbose=0)))

    assert seen[0] == seen[1]


def test_batches_of_many_forms(program):
    """Once batches have different forms, no more loops are compiled for them."""

    def sentences():
        for length in (3, 3, 3, 3, 4, 5, 4, 3, 6, 6, 6, 6, 7, 7, 7, 7):
            yield np.ones((8, length, 4), "float32"), np.ones((8, 1), "float32")

    inputs = keras.Input((None, 4))
    pooled = keras.layers.GlobalAveragePooling1D()(inputs)
    model = fused_class()(inputs, keras.layers.Dense(1)(pooled))
    model.compile("sgd", "mse", steps_per_execution=4)

    model.fit(sentences(), verbose=0)

    assert {4} == set(program.loops)
    assert model.optimizer.iterations == 16
    assert len(program.loops) == 1


def again():
    """Makes arguments of `fit()`, with a data set that uses its arrays again."""
    return {"x": Again(), "shuffle": False}


def fresh():
    """Makes arguments of `fit()`, with the same batches in arrays of their own."""
    return {"x": Batches([16] * 9), "shuffle": False}


@pytest.mark.skipif(
    KERAS < [3, 14], reason="before 3.14, Keras itself reads such batches too late"
)
def test_arrays_used_again():
    """A data set may reuse its arrays: each batch is read first.

    `keras.Model` trains on other arrays: JAX may read one when Keras has gone on.
    """
    assert [] == apart(again, fresh=[fresh])


def test_stop_training():
    """A callback stops the training at the end of an execution, in the same epoch."""

    def call():
        return x_y(recorder=Recorder(stop_at=7), epochs=5)

    assert [] == apart(call)


def progress(model) -> list[str]:
    """Returns the counts of steps that the progress bar shows when it is done.

    A count once, though it may be shown again: that depends on the time between.
    """
    printed = io.StringIO()
    with redirect_stdout(printed):
        for verbose in (1, 2):
            model.fit(**x_y(validation_split=0.2), epochs=2, verbose=verbose)
            model.evaluate(*arrays()[:2], verbose=verbose)
    counts = re.findall(
        r"Epoch \d/\d|\b(\d+)/\1\b", re.sub("\x1b.*?m", "", printed.getvalue())
    )
    return [count for count, _ in itertools.groupby(counts)]


def test_progress():
    """The progress bar counts steps."""
    expected = progress(small(keras.Model))

    assert expected == progress(small(fused_class()))
    assert {"8", "5"} <= set(expected)


class Program:
    """Counts how often a step of a model is traced, and how often in a loop."""

    def __init__(self, monkeypatch):
        """Counts from now on."""
        self.steps, self.loops = 0, []
        scan = jax.lax.scan

        def counting_scan(function, state, data, *args, **kwargs):
            self.loops.append(len(jax.tree.leaves(data)[0]))
            return scan(function, state, data, *args, **kwargs)

        monkeypatch.setattr(jax.lax, "scan", counting_scan)

    def count(self, model):
        """Counts the steps that are traced from a model."""
        method = model.compute_loss_and_updates

        def counting(*args, **kwargs):
            self.steps += 1
            return method(*args, **kwargs)

        object.__setattr__(model, "compute_loss_and_updates", counting)
        return model


@pytest.fixture
def program(monkeypatch):
    """Watches what is traced."""
    return Program(monkeypatch)


@pytest.mark.parametrize(
    ("name", "loops"),
    [
        ("arrays, shuffled", {4, 1}),
        ("arrays in order", {4, 1}),
        ("arrays with weights", {4, 1}),
        ("arrays on the device", {4, 1}),
        ("arrays, shuffled in batches", {4}),
        ("arrays of float64", {4, 1}),
        ("class_weight", {4}),
        ("validation_split", {4, 3, 1}),
        ("steps_per_epoch", {4}),
        ("a data set", {4, 2}),
        ("a generator", {4}),
        ("batches of two sizes", set()),
    ],
)
def test_what_runs_in_a_loop(name, loops, program):
    """Arrays, data sets and generators are fused; odd batches run as single steps."""
    small(fused_class()).fit(**DATA[name](), verbose=0)

    assert loops == set(program.loops)


@pytest.mark.parametrize("name", ["a data set", "a generator"])
def test_batches_stay_on_the_host(name, monkeypatch):
    """Joined batches come from the host: one transfer to the device for all."""
    fused, joined = fused_class(), []
    emitted = fused.fit.__globals__
    join = emitted["join"]
    monkeypatch.setitem(emitted, "join", lambda b: joined.extend(b[1:]) or join(b))
    small(fused).fit(**DATA[name](), epochs=2, verbose=0)

    rest = joined[3:]  # Keras takes a look at the first batches of a generator.
    assert {np.ndarray} == {type(leaf) for leaf in jax.tree.leaves(rest)}


def test_arrays_stay_on_the_host(monkeypatch):
    """Joined arrays go to the CPU with the call of the step, also on Keras 3.16."""
    puts, put = [], jax.device_put
    monkeypatch.setattr(
        jax,
        "device_put",
        lambda *args, **kwargs: puts.append(1) or put(*args, **kwargs),
    )
    x, y, _ = arrays(100)
    small(fused_class()).fit(x, y, batch_size=2, verbose=0)

    assert [] == puts


def test_evaluation_runs_in_a_loop(program):
    """`evaluate()` is fused, with a test step of one's own and with Keras's."""
    x, y, _ = arrays()
    for test_step in (False, True):
        model = small(fused_class(test_step=test_step))
        program.loops.clear()
        model.evaluate(x, y, batch_size=BATCH, verbose=0)

        assert {4, 1} == set(program.loops)


CONVOLVE = keras.Sequential(
    [keras.layers.Reshape((8, 1)), keras.layers.Conv1D(3, 3), keras.layers.Flatten()]
)


@pytest.mark.parametrize(
    "settings",
    [
        {"run_eagerly": True},
        {"jit_compile": False},
        {"steps_per_execution": 1},
        {"layer": lambda h: keras.models.clone_model(CONVOLVE)(h)},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_does_not_run_in_a_loop(settings, program):
    """Eager steps are single ones, and so are convolutions on the CPU."""
    model = small(fused_class(), **settings)
    x, y, _ = arrays(40)
    model.fit(x, y, batch_size=10, verbose=0, epochs=2)
    model.evaluate(x, y, batch_size=10, verbose=0)

    assert [] == program.loops


@pytest.mark.parametrize("name", every(["arrays, shuffled", "a data set"]))
def test_convolutions(name):
    """Where convolutions keep the steps out of the loop, they train as well."""
    layer = {"layer": lambda h: keras.models.clone_model(CONVOLVE)(h)}

    assert [] == apart(DATA[name], **layer)


def test_nothing_is_compiled_again(program):
    """Later epochs, and a later `fit()`, use what is compiled."""
    model = program.count(small(fused_class(test_step=True)))
    model.fit(**x_y(validation_data=tuple(arrays(70)[:2])), verbose=0)
    traced = program.steps
    model.fit(**x_y(validation_data=tuple(arrays(70)[:2])), epochs=3, verbose=0)

    assert traced == program.steps > 0


def test_large_batches_run_a_few_at_once(program):
    """What does not fit the caches is handed over in parts: 2 MiB on the CPU."""
    rows, width = 160, 2**13  # 16 rows of 32 KiB: four batches have 2 MiB.
    x = np.ones((rows, width), "float32")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((width,))
    model = fused_class()(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", steps_per_execution=10)

    model.fit(x, batch_size=16, y=x[:, :1], verbose=0)

    assert {3} == set(program.loops)  # The targets need a little as well.


def test_batches_stay_spread():
    """Under `DataParallel`, no row travels: the loop only sums gradients."""
    devices = keras.distribution.list_devices()[:2]
    distribution = keras.distribution.DataParallel(
        devices=devices, auto_shard_dataset=False
    )
    with distribution.scope():
        model = small(fused_class())
        x, y, _ = arrays(128)
        model.fit(x, y, batch_size=16, verbose=0)
        state = [
            [v.value for v in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
                model.metrics_variables,
            )
        ]
        layouts = [distribution.get_data_layout(a.shape) for a in (x[:64], y[:64])]
        data = [
            keras.distribution.distribute_tensor(a[:64], layout)
            for a, layout in zip((x, y), layouts, strict=True)
        ]
        emitted = fused_class().fit.__globals__
        step = jax.jit(emitted["in_one_loop"](model.train_step))
        step = step.lower(tuple(state), {emitted["BatchSize"](16): tuple(data)})
        body = step.compile().as_text().split("ENTRY")[0]

    assert "all-reduce" in body
    assert not re.search("all-gather|all-to-all|collective-permute", body)


#: Mistakes: an edit of what is emitted, and the data that show it.
MISTAKES = {
    "a loop drops its last step": (
        "jax.tree.map(stack, data),",
        "jax.tree.map(lambda array: stack(array)[:-1], data),",
        "arrays in order",
    ),
    "the smaller last batch is dropped": (
        "logs, state = step(state, rest)",
        "logs, _ = step(state, rest)",
        "arrays in order",
    ),
    "a data set's smaller last batch is dropped": (
        "data}, *batches[count:]]",
        "data}]",
        "a data set",
    ),
    "another order": (
        "rng.permutation(",
        "np.random.default_rng(7).permutation(",
        "arrays, shuffled",
    ),
    "one order for all epochs": (
        "if self.shuffle:  # The order",
        "if self.shuffle and not hasattr(self, 'order'):  # The order",
        "arrays, shuffled",
    ),
    "the logs of the first step": (
        "lambda log: log[-1]",
        "lambda log: log[0]",
        "arrays in order",
    ),
    "steps in the reverse order": (
        "jax.tree.map(stack, data),",
        "jax.tree.map(lambda array: stack(array)[::-1], data),",
        "arrays in order",
    ),
    "rows in other batches": (
        "array[:whole].reshape(-1, batch_size, *array.shape[1:])",
        "array[:whole].reshape(batch_size, -1, *array.shape[1:]).swapaxes(0, 1)",
        "arrays in order",
    ),
    "batches of two sizes become batches of one": (
        "count == 1 or rows[:count] != [rows[0]] * count",
        "count == 1",
        "batches of two sizes",
    ),
    "an execution takes fewer steps": (
        "islice(iterator, model.steps_per_execution)",
        "islice(iterator, model.steps_per_execution - 1)",
        "a data set",
    ),
    "an array is read when it has changed": (
        "a.copy() if isinstance(a, np.ndarray) else a",
        "a",
        "again",
    ),
    "the weights are forgotten": (
        "data = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)",
        "data = keras.utils.pack_x_y_sample_weight(x, y)",
        "arrays with weights",
    ),
    "class weights are forgotten": (
        'if given.get("class_weight"):',
        "if False:",
        "class_weight",
    ),
    "validation_split takes the wrong rows": (
        "lambda array: array[split:]",
        "lambda array: array[:split]",
        "validation_split",
    ),
}


@pytest.mark.parametrize("mistake", every(MISTAKES))
def test_mistake_is_found(mistake):
    """The comparison sees a step that is lost, moved, repeated or reported wrongly."""
    old, new, name = MISTAKES[mistake]
    source = text(replace(FUSED, test_step=True))
    assert old in source
    code = compile(source.replace(old, new), mistake, "exec")

    try:
        data = again if name == "again" else DATA[name]
        reference = [fresh] if name == "again" else None
        fused = execute(code, "CustomModel")
        found = apart(data, fused=fused, fresh=reference)
    except Exception as error:
        found = [error]

    assert found
