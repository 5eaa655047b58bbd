"""Trains the model: `--help` lists the options."""

import argparse
import sys
from pathlib import Path

import jax
import keras
from matplotlib.figure import Figure

from . import InputError, distribution
from .checkpoint import Checkpoint, read_about
from .data import OUTPUTS, check_data, load_data
from .model import CustomModel

#: The arguments that a training keeps when it goes on, unless others are given.
RECORDED = (
    *("epochs", "patience", "batch_size", "steps_per_execution", "seed"),
    *("mixed_precision", "data_parallel", "model_parallel"),
)
#: Those that cannot be others, or it would be another training.
FIXED = ("batch_size", "seed", "mixed_precision")


def build_model(x, steps_per_execution=1):
    """Builds and compiles the model: change its layers and its optimizer here.

    Args:
        x: Features of shape `(samples, ...)`.
        steps_per_execution: After how many steps Keras looks at callbacks.
    """
    inputs = keras.Input(shape=x.shape[1:])
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    outputs = keras.layers.Dense(OUTPUTS)(hidden)
    model = CustomModel(inputs, outputs)

    model.compile(
        optimizer="adam",
        loss="mse",
        metrics=["mae"],
        steps_per_execution=steps_per_execution,
    )
    return model


def parse(arguments=None):
    """Returns the arguments of the command line; a training goes on with its own.

    Raises:
        InputError: If they do not fit the training in `--out`.
    """
    parser = argparse.ArgumentParser(f"python -m {__spec__.name}", description=__doc__)
    add = parser.add_argument
    add("--epochs", type=positive, default=100, help="100, unless stopped early")
    add("--patience", type=positive, default=10, help="epochs without a lower val_loss")
    add("--batch-size", type=positive, default=32)
    add("--steps-per-execution", type=positive, default=1)
    add("--seed", type=natural, default=0, help="of weights, dropout and shuffling")
    add("--out", type=Path, default=Path("runs"), help="folder of the results")
    add("--resume", action="store_true", help="go on with the training in --out")
    add("--mixed-precision", choices=("float16", "bfloat16"))
    add("--data-parallel", action="store_true", help="spread batches over all devices")
    add("--model-parallel", type=positive, metavar="N", help="split weights over N")
    add("--coordinator", metavar="HOST:PORT", help="of process 0, for several machines")
    add("--num-processes", type=positive, metavar="N")
    add("--process-id", type=natural, metavar="I", help="from 0")
    args = parser.parse_args(arguments)
    if args.resume:
        recorded = read_about(args.out)["arguments"]
        parser.set_defaults(**recorded)
        args = parser.parse_args(arguments)
        for name in FIXED:
            if getattr(args, name) != recorded[name]:
                flag = f"--{name.replace('_', '-')}"
                was = recorded[name] or "not given"
                raise InputError(f"To go on, leave out {flag}: it was {was}.")
    elif (args.out / "checkpoint.npz").exists():
        raise InputError(
            f"{args.out} holds a training: go on with it (--resume), or name another "
            "folder (--out)."
        )
    return args


def positive(text):
    """Returns an integer above 0."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


def natural(text):
    """Returns an integer from 0, of 32 bits at most, as seeds are."""
    if not 0 <= int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {2**32 - 1}")
    return int(text)


def prepare(args):
    """Makes ready for a training: devices, data and model.

    Args:
        args: What `parse()` returned.

    Returns:
        A tuple `(model, data, checkpoint)`; the data are those of this process.

    Raises:
        InputError: If the data or the arguments cannot be used.
    """
    distribution.join_processes(args.coordinator, args.num_processes, args.process_id)
    keras.utils.set_random_seed(args.seed)
    if args.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{args.mixed_precision}")
    count = distribution.spread(args.data_parallel, args.model_parallel)
    if args.batch_size % count:
        raise InputError(
            f"--batch-size must be a multiple of {count}, for the devices."
        )

    data = load_data()
    check_data(data)
    data = {name: distribution.share(part, count) for name, part in data.items()}
    x = data["train"][0]
    model = build_model(x, args.steps_per_execution)
    # This makes the weights, too, if the model has none yet.
    shape = model(keras.Input(shape=x.shape[1:])).shape
    if shape[1:] != (OUTPUTS,):
        raise InputError(
            f"build_model() makes outputs of shape {shape} from x of shape {x.shape}, "
            f"but they must be of shape (samples, {OUTPUTS})."
        )
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {args.out}: {error.strerror}.") from error
    settings = {name: getattr(args, name) for name in RECORDED}
    checkpoint = Checkpoint(args.out, settings)
    if args.resume:
        checkpoint.restore(model)
        print(f"Going on after epoch {len(checkpoint.history)}.")
    return model, data, checkpoint


def train(args, model, data, checkpoint):
    """Trains a model, and shows how good the best one is.

    Args:
        args: What `parse()` returned.
        model: A compiled model.
        data: Dict of the parts of the data: tuples of arrays.
        checkpoint: The `Checkpoint` of the training.

    Returns:
        The metrics of the best model: a dict of dicts, by part of the data and name.

    Raises:
        InputError: If the loss was never a number.
    """
    is_first = jax.process_index() == 0
    # The batches of several processes are trained on together.
    batch_size = args.batch_size // jax.process_count()
    if not checkpoint.stops_early:
        with checkpoint.catching_ctrl_c():
            model.fit(
                **named(data["train"]),
                validation_data=data["validation"],
                batch_size=batch_size,
                epochs=args.epochs,
                initial_epoch=len(checkpoint.history),
                callbacks=[checkpoint],
                verbose="auto" if is_first else 0,
            )
    if not checkpoint.best_epoch:
        raise InputError(
            "The loss was never a number: try a lower learning rate, and another --out."
        )

    distribution.wait_for_others()
    best = keras.saving.load_model(checkpoint.path("best.keras"))
    results = {
        name: best.evaluate(
            **named(part), batch_size=batch_size, verbose=0, return_dict=True
        )
        for name, part in data.items()
    }
    if is_first:
        plot(checkpoint.history, checkpoint.best_epoch, checkpoint.path("curves.png"))
        print(f"\nThe best model, of epoch {checkpoint.best_epoch}:\n{table(results)}")
        print(f"\nIn {args.out}: best.keras, history.csv, curves.png, checkpoint.npz")
    return results


def named(part):
    """Returns a part of the data as arguments of `fit()` and `evaluate()`."""
    return dict(zip(("x", "y", "sample_weight"), part, strict=False))


def table(results):
    """Returns metrics as a table, with a line for each part of the data."""
    widths = {name: max(10, len(name)) for name in results["train"]}
    lines = [" " * 10 + "".join(f"  {name:>{n}}" for name, n in widths.items())]
    for part, values in results.items():
        numbers = (f"  {values[name]:>{n}.4f}" for name, n in widths.items())
        lines.append(f"{part:<10}" + "".join(numbers))
    return "\n".join(lines)


def plot(history, best_epoch, path):
    """Draws the curves of the loss and the metrics, as a PNG.

    Args:
        history: List with a dict of the logs of each epoch.
        best_epoch: The number of the epoch to mark, from 1.
        path: Where to write it.
    """
    names = [name for name in history[0] if f"val_{name}" in history[0]]
    epochs = range(1, len(history) + 1)
    figure = Figure(figsize=(5 * len(names), 3.5), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            axes.plot(epochs, [logs[key] for logs in history], label=label)
        axes.axvline(best_epoch, color="gray", linestyle=":", label="best model")
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(arguments=None):
    """Runs the command."""
    try:
        args = parse(arguments)
        return train(args, *prepare(args))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
