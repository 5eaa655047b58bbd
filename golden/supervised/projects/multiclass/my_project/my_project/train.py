"""Trains the model. `--help` lists the options."""

import os
import sys

from . import InputError

# Checked before Keras is imported, which fails if its backend is not installed.
if os.environ["KERAS_BACKEND"] != "jax":
    message = "The model trains on JAX. Set KERAS_BACKEND=jax, or unset it."
    if __name__ != "__main__":
        raise InputError(message)
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(2)

import jax
import keras

from . import distribution
from .checkpoint import Checkpoint
from .data import OUTPUTS, check_data, load_data
from .interrupt import SaveAtInterrupt
from .model import CustomModel
from .options import RECORDED, parse
from .out_folder import locked, replacing
from .processes import join_processes, together, wait_for_others
from .report import plot, table
from .shuffled_batches import ShuffledBatches


def build_model(x, steps_per_execution=1):
    """Builds and compiles the model. Change its layers and its optimizer here.

    Args:
        x: Features of shape `(samples, ...)`.
        steps_per_execution: Number of steps between calls of the callbacks.

    Returns:
        The compiled model.
    """
    inputs = keras.Input(shape=x.shape[1:])
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    outputs = keras.layers.Dense(OUTPUTS)(hidden)
    model = CustomModel(inputs, outputs)
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model


def prepare(args):
    """Prepares the devices, the data and the model.

    Args:
        args: The options, as `parse()` returns them. Their folder is `locked()`.

    Returns:
        A tuple `(model, data, checkpoint)`. The data are the rows for this process.

    Raises:
        InputError: If the data, the model or the options cannot be used.
    """
    with together():
        if not args.resume and os.path.exists(args.out / "checkpoint.npz"):
            raise InputError(
                f"{args.out} already has a training. Continue it with --resume, or "
                "name another folder with --out."
            )
    keras.utils.set_random_seed(args.seed)
    if args.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{args.mixed_precision}")
    count = distribution.spread(args.data_parallel, args.model_parallel)
    if args.batch_size % count:
        raise InputError(
            f"--batch-size must be a multiple of {count}, the number of devices that "
            "share a batch."
        )

    with together():
        data = load_data()
        check_data(data)
    model = build_model(data["train"][0], args.steps_per_execution)
    check_outputs(model, data["train"][0])
    data = distribution.share(data, count)

    checkpoint = Checkpoint(args.out, {name: getattr(args, name) for name in RECORDED})
    if args.resume:
        checkpoint.restore(model)
        print(f"Continuing after epoch {len(checkpoint.history)}.")
    return model, data, checkpoint


def check_outputs(model, x):
    """Checks the shape of the outputs. Keras would broadcast a wrong one.

    Raises:
        InputError: If the shape is wrong.
    """
    # This call also creates the weights of a model without a fixed input shape.
    shape = model(keras.Input(shape=x.shape[1:])).shape
    if shape[1:] != (OUTPUTS,):
        raise InputError(
            f"build_model() returns a model with outputs of shape {shape}, for x of "
            f"shape {x.shape}. Their shape must be (samples, {OUTPUTS})."
        )


def train(args, model, data, checkpoint):
    """Trains a model, and evaluates the model of the best epoch.

    Args:
        args: The options, as `parse()` returns them.
        model: A compiled model.
        data: Dict of the splits of the data, each a tuple of arrays.
        checkpoint: The `Checkpoint` of the training.

    Returns:
        The metrics of the best model: a dict of dicts, by the names of the split and
        the metric.

    Raises:
        InputError: If the validation loss is NaN in all epochs, or if a file cannot be
            saved.
    """
    is_first = jax.process_index() == 0
    # The processes train on one batch together, each on its own rows.
    batch_size = args.batch_size // jax.process_count()
    if not checkpoint.stops_early:
        save_at_interrupt = SaveAtInterrupt(checkpoint)
        with save_at_interrupt.catching_interrupts():
            model.fit(
                ShuffledBatches(data["train"], batch_size),
                shuffle=False,
                validation_data=data["validation"],
                validation_batch_size=batch_size,
                epochs=args.epochs,
                initial_epoch=len(checkpoint.history),
                callbacks=[checkpoint, save_at_interrupt],
                verbose="auto" if is_first else 0,
            )
    if not checkpoint.best_epoch:
        raise InputError(
            "The validation loss is NaN in all epochs. Try a lower learning rate, with "
            "another --out."
        )

    wait_for_others()
    best = keras.saving.load_model(checkpoint.path("best.keras"))
    results = {
        name: best.evaluate(
            **named(split), batch_size=batch_size, verbose=0, return_dict=True
        )
        for name, split in data.items()
    }
    if is_first:
        with replacing(checkpoint.path("curves.png")) as path:
            plot(checkpoint.history, checkpoint.best_epoch, path)
        print(f"\nThe best model, of epoch {checkpoint.best_epoch}:\n{table(results)}")
        print(f"\nIn {args.out}: best.keras, history.csv, curves.png, checkpoint.npz")
    return results


def named(split):
    """Returns a split of the data as arguments of `fit()` and `evaluate()`."""
    return dict(zip(("x", "y", "sample_weight"), split, strict=False))


def main(arguments=None):
    """Runs the command."""
    try:
        args = parse(arguments)
        join_processes(args.coordinator, args.num_processes, args.process_id)
        with locked(args.out):
            return train(args, *prepare(args))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
