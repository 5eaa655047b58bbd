"""The options of the training."""

import argparse
import json
from pathlib import Path

from . import InputError
from .checkpoint_file import checkpoint_path, not_a_checkpoint, read_about

#: The options that `--resume` takes from the first run. They can be given again.
RECORDED = (
    "epochs",
    "patience",
    "batch_size",
    "steps_per_execution",
    "seed",
    "mixed_precision",
    "data_parallel",
    "model_parallel",
)
#: The recorded options that must not change: the results would differ.
FIXED = ("batch_size", "seed", "mixed_precision")


def parse(arguments=None):
    """Parses the command line. With `--resume`, defaults come from the first run.

    Args:
        arguments: List of strings. The default is `sys.argv[1:]`.

    Returns:
        An `argparse.Namespace` of the options.

    Raises:
        InputError: If the options do not fit the training in `--out`.
    """
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.resume:
        recorded = read_recorded(args.out)
        parser.set_defaults(**recorded)
        args = parser.parse_args(arguments)
        for name in FIXED:
            if getattr(args, name) != recorded[name]:
                was = recorded[name] or "not given"
                raise InputError(f"To resume, leave out {flag(name)}. It was {was}.")
    return args


def read_recorded(folder):
    """Returns the options of the first run, checked as if they were typed.

    Raises:
        InputError: If there is no training, or if its options are invalid.
    """
    arguments, _ = read_about(folder)
    path, words = checkpoint_path(folder), []
    for name in RECORDED:
        value = arguments.get(name)
        if value is True:
            words.append(flag(name))
        elif value is not None and value is not False:
            words.append(f"{flag(name)}={value}")
    parser = make_parser()
    parser.exit_on_error = False
    try:
        args = parser.parse_args(words)
    except argparse.ArgumentError as error:
        raise not_a_checkpoint(path, f"Its options are invalid: {error}") from error
    recorded = {name: getattr(args, name) for name in RECORDED}
    # As texts, because `False == 0`.
    expected, found = (json.dumps(d, sort_keys=True) for d in (recorded, arguments))
    if found != expected:
        raise not_a_checkpoint(path, "Its options are incomplete or of wrong types")
    return recorded


def flag(name):
    """Returns the flag of an option."""
    return f"--{name.replace('_', '-')}"


def make_parser():
    """Makes the parser of the command line."""
    parser = argparse.ArgumentParser(
        f"python -m {__package__}.train",
        description="Trains the model of model.py on the data of data.py.",
    )
    add = parser.add_argument
    add(
        "--epochs",
        type=positive,
        default=100,
        help="number of epochs, unless stopped early (default: %(default)s)",
    )
    add(
        "--patience",
        type=positive,
        default=10,
        help="epochs without a lower val_loss before stopping (default: %(default)s)",
    )
    add(
        "--batch-size",
        type=positive,
        default=32,
        help="rows per step, over all devices (default: %(default)s)",
    )
    add(
        "--steps-per-execution",
        type=positive,
        default=1,
        help="steps between calls of the callbacks (default: %(default)s)",
    )
    add(
        "--seed",
        type=natural,
        default=0,
        help="seed of weights, dropout and shuffling (default: %(default)s)",
    )
    add(
        "--out",
        type=Path,
        default=Path("runs"),
        help="folder of the results (default: %(default)s)",
    )
    add("--resume", action="store_true", help="continue the training in --out")
    add(
        "--mixed-precision",
        choices=("float16", "bfloat16"),
        help="train with the policy mixed_float16 or mixed_bfloat16",
    )
    add("--data-parallel", action="store_true", help="split batches over all devices")
    add(
        "--model-parallel",
        type=positive,
        metavar="N",
        help="split weights over N devices",
    )
    add("--coordinator", metavar="HOST:PORT", help="address of process 0")
    add("--num-processes", type=positive, metavar="N", help="number of processes")
    add("--process-id", type=natural, metavar="I", help="this process, from 0")
    return parser


def positive(text):
    """Parses an integer above 0."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


def natural(text):
    """Parses an integer from 0 to 2**32 - 1, as seeds are."""
    if not 0 <= int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {2**32 - 1}")
    return int(text)
