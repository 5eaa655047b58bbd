"""Measures training speed: Keras, the classes that kscaffold writes, and plain JAX.

Six ways to train the same model on the same batches:

    keras         `keras.Model.fit()`
    keras x50     the same with `compile(steps_per_execution=50)`
    emitted       the class that `kscaffold new` writes
    fused x50     the class of `--fuse-steps`, with `steps_per_execution=50`
    optax         a loop of compiled steps, written by hand
    optax scan    a whole epoch in one `jax.lax.scan`, with all data on the device

In each round, every way trains once, in turn, so that other load affects all of them.
The table has the median time per step, and the median and quartiles of the ratios of
single rounds. The compile time is the first epoch minus the second. The peak memory is
measured in a new process that trains in one way. On a GPU, it is the device's memory.
Install `pip install -e '.[bench]'` and run

    python benchmarks/train.py [--rounds N] [--only MODEL] [--json] [--png FILE]

`--keras nightly` installs the newest build of the next Keras into an environment of its
own, and measures both in alternating processes of four rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
import optax
from keras import layers

import scaffold

STEPS = 50  # In one execution.
WAYS = ("keras", "keras x50", "emitted", "fused x50", "optax", "optax scan")


def dense():
    """One dense layer, for which the overhead of a step dominates."""
    inputs = keras.Input((32,))
    return inputs, layers.Dense(1)(inputs)


def mlp():
    """Dense layers of 784-256-256-10 units."""
    inputs = hidden = keras.Input((784,))
    for _ in range(2):
        hidden = layers.Dense(256, activation="relu")(hidden)
    return inputs, layers.Dense(10)(hidden)


def convolutional():
    """Two convolutions on images of 28 x 28."""
    inputs = hidden = keras.Input((28, 28, 1))
    for filters in (16, 32):
        hidden = layers.Conv2D(filters, 3, activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    return inputs, layers.Dense(10)(layers.Flatten()(hidden))


def lstm():
    """A recurrent layer over 16 steps."""
    inputs = keras.Input((16, 8))
    return inputs, layers.Dense(1)(layers.LSTM(32)(inputs))


def transformer(length, width, heads):
    """One block of attention and dense layers, with residuals and normalization."""

    def build():
        inputs = keras.Input((length, width))
        attention = layers.MultiHeadAttention(heads, width // heads)
        hidden = layers.LayerNormalization()(inputs + attention(inputs, inputs))
        inner = layers.Dense(4 * width, activation="relu")(hidden)
        hidden = layers.LayerNormalization()(hidden + layers.Dense(width)(inner))
        return inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(hidden))

    return build


#: For each model: builder, batch size, steps per epoch, epochs per round, how data is
#: given, and the least speed-up of `fused x50` over `keras x50`.
MODELS = {
    "dense": (dense, 32, 2000, 3, "in order", 8.0),
    "dense, shuffled": (dense, 32, 2000, 3, "shuffled", 8.0),
    "dense, dataset": (dense, 32, 2000, 3, "dataset", 1.5),
    "MLP": (mlp, 128, 200, 2, "shuffled", 1.05),
    "convolutional": (convolutional, 32, 50, 1, "shuffled", 0.95),
    "LSTM": (lstm, 32, 200, 2, "shuffled", 1.0),
    "tiny transformer": (transformer(8, 16, 2), 16, 1000, 2, "shuffled", 1.3),
    "transformer, width 64": (transformer(16, 64, 4), 32, 100, 2, "shuffled", 1.05),
}


def emitted(**options) -> type:
    """Returns the class that kscaffold writes."""
    [file] = scaffold.render(scaffold.Spec(sample_weight=True, demo=False, **options))
    module = {"__name__": "emitted"}
    exec(compile(file.text, "custom_model.py", "exec"), module)
    return module["CustomModel"]


class Training:
    """One way to train one model."""

    def __init__(self, way: str, name: str):
        """Builds the model, with the same weights and data for every way."""
        build, self.batch, self.steps, self.epochs, self.data, _ = MODELS[name]
        self.shuffle = self.data == "shuffled"
        keras.utils.set_random_seed(0)
        base = {"emitted": emitted, "fused x50": lambda: emitted(fuse_steps=True)}
        self.model = base.get(way, lambda: keras.Model)()(*build())
        rows, shape = self.batch * self.steps, self.model.input_shape[1:]
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(rows, *shape)).astype("float32")
        width = self.model.output_shape[-1]
        self.classes = width > 1
        self.y = rng.normal(size=(rows, 1)).astype("float32")
        if self.classes:
            self.y = rng.integers(0, width, rows).astype("int32")
        self.train = self.by_hand(way) if "optax" in way else self.by_keras(way)

    def by_keras(self, way: str):
        """Returns a function that trains some epochs with `fit()`."""
        entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(
            optimizer=keras.optimizers.Adam(0.001),
            loss=entropy if self.classes else "mse",
            steps_per_execution=STEPS if "x50" in way else 1,
        )
        data = {"x": self.x, "y": self.y, "batch_size": self.batch}
        if self.data == "dataset":
            data = {"x": _Batches(self.x, self.y, self.batch)}
        more = {"shuffle": self.shuffle, "verbose": 0}
        return lambda epochs: self.model.fit(**data, **more, epochs=epochs)

    def by_hand(self, way: str):
        """Returns a function that trains some epochs without Keras's trainer."""
        model, optimizer = self.model, optax.adam(0.001, eps=1e-7)
        fixed = [v.value for v in model.non_trainable_variables]

        def loss(weights, x, y):
            y_pred, _ = model.stateless_call(weights, fixed, x)
            if self.classes:
                per_row = optax.softmax_cross_entropy_with_integer_labels(y_pred, y)
                return per_row.mean()
            return ((y_pred - y) ** 2).mean()

        def step(state, batch):
            weights, moments = state
            value, gradients = jax.value_and_grad(loss)(weights, *batch)
            updates, moments = optimizer.update(gradients, moments, weights)
            return (optax.apply_updates(weights, updates), moments), value

        weights = [v.value for v in model.trainable_variables]
        self.state = weights, optimizer.init(weights)
        one_step = jax.jit(step, donate_argnums=0)

        def loop(epochs):
            for _ in range(epochs):
                order = self.order()
                for start in range(0, len(self.x), self.batch):
                    rows = order[start : start + self.batch]
                    batch = self.x[rows], self.y[rows]
                    self.state, value = one_step(self.state, batch)
            jax.block_until_ready((self.state, value))

        @jax.jit
        def epoch(state, data, order):
            if self.shuffle:
                data = jax.tree.map(lambda a: a[order], data)
            batches = jax.tree.map(
                lambda a: a.reshape(self.steps, self.batch, *a.shape[1:]), data
            )
            return jax.lax.scan(step, state, batches)

        data = jax.device_put((self.x, self.y)) if way == "optax scan" else None

        def scan(epochs):
            for _ in range(epochs):
                order = np.random.permutation(len(self.x)) if self.shuffle else 0
                self.state, value = epoch(self.state, data, order)
            jax.block_until_ready((self.state, value))

        return scan if way == "optax scan" else loop

    def order(self):
        """Returns the indices of the rows of an epoch, in order or shuffled."""
        if self.shuffle:
            return np.random.permutation(len(self.x))
        return _InOrder()

    def microseconds(self, epochs: int = 0) -> float:
        """Trains, and returns the time per step."""
        epochs = epochs or self.epochs
        start = time.perf_counter()
        self.train(epochs)
        return (time.perf_counter() - start) / (epochs * self.steps) * 1e6


class _Batches(keras.utils.PyDataset):
    """The rows of arrays in order, in batches."""

    def __init__(self, x, y, batch_size: int):
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]


class _InOrder:
    """Indices in order. They are slices, so that indexing an array gives a view."""

    def __getitem__(self, rows):
        return rows


def peak_memory(way: str, name: str) -> int:
    """Trains in a new process and returns its peak memory in MiB."""
    command = [sys.executable, __file__, "--peak", way, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


def print_peak(way: str, name: str) -> None:
    """Trains one epoch and prints the peak memory of the process or the GPU in MiB."""
    Training(way, name).train(1)
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        # The peak in `resource` would include the parent process.
        [line] = [n for n in Path("/proc/self/status").open() if "VmHWM" in n]
        print(int(line.split()[1]) // 2**10)
    else:
        print(device.memory_stats()["peak_bytes_in_use"] // 2**20)


def quartiles(values: list[float]) -> dict:
    """Returns the median and the first and third quartile."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "from": low, "to": high}


def measure(name: str, rounds: int, memory: bool) -> dict:
    """Measures all ways to train a model."""
    trainings, compiling = {}, {}
    for way in WAYS:
        trainings[way] = training = Training(way, name)
        first, second = training.microseconds(1), training.microseconds(1)
        compiling[way] = (first - second) * training.steps / 1e6
    times = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
            times[way].append(trainings[way].microseconds())

    def ratio(slow, fast):
        pairs = zip(times[slow], times[fast], strict=True)
        return quartiles([a / b for a, b in pairs])

    return {
        "name": name,
        "us_per_step": {way: statistics.median(times[way]) for way in WAYS},
        "compile_seconds": compiling,
        "peak_mib": {way: peak_memory(way, name) for way in WAYS} if memory else {},
        "fused": {**ratio("keras x50", "fused x50"), "wanted": MODELS[name][-1]},
        "emitted": {**ratio("emitted", "keras"), "wanted": [0.97, 1.03]},
        "scan": ratio("fused x50", "optax scan"),
    }


def show(results: list[dict]) -> None:
    """Prints the tables."""

    def table(title, key, digits):
        print(f"\n{title:24}" + "".join(f"{way:>12}" for way in WAYS))
        for r in results:
            cells = (f"{r[key][way]:12.{digits}f}" for way in WAYS)
            print(f"{r['name']:24}" + "".join(cells))

    device = jax.local_devices()[0]
    print(
        f"Keras {keras.version()}, JAX {jax.__version__}, {device.device_kind}", end=""
    )
    print(f", {os.cpu_count()} cores")
    table("microseconds per step", "us_per_step", 1)
    table("seconds to compile", "compile_seconds", 2)
    if results[0]["peak_mib"]:
        table("peak memory, MiB", "peak_mib", 0)

    def spread(r):
        return f"{r['median']:8.2f} ({r['from']:.2f} to {r['to']:.2f})"

    print(f"\n{'ratios':24}{'keras x50 / fused':>26}{'wanted':>8}", end="")
    print(f"{'emitted / keras':>26}{'fused / optax scan':>26}")
    for r in results:
        print(f"{r['name']:24}{spread(r['fused']):>26}{r['fused']['wanted']:8}", end="")
        print(f"{spread(r['emitted']):>26}{spread(r['scan']):>26}")


def beside(version: str, names: list[str], rounds: int) -> None:
    """Prints the times with the installed Keras and with another one.

    Args:
        version: `"nightly"`.
        names: The models.
        rounds: How often each Keras trains in each way. Every process does four rounds.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        pip = [python, "-m", "pip", "install", "--quiet"]
        root = Path(__file__).parent.parent
        subprocess.run([*pip, "-e", root, "jax", "optax"], check=True)
        subprocess.run([*pip, "--pre", f"keras-{version}"], check=True)
        pythons = {"installed": sys.executable, version: python}
        rows = []
        for name in names:
            found = {key: [] for key in pythons}
            for _ in range(-(-rounds // 4)):
                for key, python in pythons.items():
                    command = [python, __file__, "--json", "--only", name]
                    command += ["--rounds", "4", "--no-memory"]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                    found[key] += json.loads(done.stdout)
            rows.append((name, found))
    ways = ("keras", "keras x50", "fused x50", "optax scan")
    print(
        f"{'microseconds per step':26}" + "".join(f"{way:>12}" for way in ways), end=""
    )
    print(f"{'x50 / fused':>13}{'keras / fused':>15}{'fused / scan':>14}")
    for name, found in rows:
        for key, results in found.items():
            times = {
                way: statistics.median(r["us_per_step"][way] for r in results)
                for way in ways
            }
            print(f"{name + ', ' + key:26}", end="")
            print("".join(f"{times[way]:12.1f}" for way in ways), end="")
            print(f"{times['keras x50'] / times['fused x50']:13.2f}", end="")
            print(f"{times['keras'] / times['fused x50']:15.2f}", end="")
            print(f"{times['fused x50'] / times['optax scan']:14.2f}")


def draw(results: list[dict], path: str) -> None:
    """Draws the speed of each way relative to `keras x50`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ways = [way for way in WAYS if way != "emitted"]
    figure, axes = pyplot.subplots(figsize=(9, 3.8))
    colors = ("#b8c4d0", "#7f93a8", "#d1495b", "#c9d6a3", "#8fae5d")
    for number, (way, color) in enumerate(zip(ways, colors, strict=True)):
        times = [r["us_per_step"] for r in results]
        heights = [t["keras x50"] / t[way] for t in times]
        places = [i + (number - 2) * 0.16 for i in range(len(results))]
        bars = axes.bar(places, heights, 0.15, label=way, color=color)
        if way == "fused x50":
            axes.bar_label(bars, [f"{h:.1f}" for h in heights], fontsize=8)
    axes.set_yscale("log")
    axes.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.axhline(1, color="black", linewidth=0.6)
    names = [r["name"].replace(", ", ",\n").replace(" t", "\nt") for r in results]
    axes.set_xticks(range(len(results)), names, fontsize=9)
    axes.set_ylabel("speed; keras x50 = 1")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=5, frameon=False, loc="upper right", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="default: 9")
    parser.add_argument("--only", choices=MODELS, action="append", help="repeatable")
    parser.add_argument("--no-memory", action="store_true", help="takes less time")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--png", metavar="FILE", help="draw a bar chart as well")
    parser.add_argument("--keras", choices=["nightly"], help="measure it as well")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        return print_peak(*arguments.peak)
    if arguments.rounds < 2:
        parser.error("--rounds must be at least 2")
    names = arguments.only or list(MODELS)
    if arguments.keras:
        return beside(arguments.keras, names, arguments.rounds)
    memory = not arguments.no_memory
    results = [measure(name, arguments.rounds, memory) for name in names]
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)
    if arguments.png:
        draw(results, arguments.png)


if __name__ == "__main__":
    main()
