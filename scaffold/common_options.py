"""The options that `Spec` itself has. Each one is a field, defined only here.

A recipe can add options and change defaults: see `recipe_options.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .keras_losses import LOSSES
from .keras_metrics import METRICS
from .keras_names import known_names
from .objective import TASKS
from .option import Option, option, options_of
from .recipes import DEFAULT_RECIPE, recipe_names

#: Black's names of the Python versions, `py33` to `py315`.
TARGET_VERSIONS = tuple(f"py3{minor}" for minor in range(3, 16))


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """The fields of `Spec`. The metadata of each one describes the option."""

    recipe: str = option(
        DEFAULT_RECIPE,
        choices=recipe_names(),
        everywhere=True,
        fixed=True,
        help="The training algorithm.",
    )
    style: str = option(
        "functional",
        choices=("functional", "sequential", "subclass"),
        help="How the model is built: functional API, Sequential, or call().",
    )
    task: str = option(
        "regression",
        choices=tuple(TASKS),
        help="Sets the default loss and metric, and the data of the demo.",
    )
    loss: str | None = option(
        None,
        metavar="NAME",
        examples=known_names(LOSSES),
        help="A Keras loss. The default depends on the task.",
    )
    metric: tuple[str, ...] = option(
        (),
        many=True,
        metavar="NAME",
        examples=known_names(METRICS),
        help="A Keras metric. The default depends on the task. Repeatable.",
    )
    manual_loss: bool = option(
        False,
        type=bool,
        core=True,
        off="compile-loss",
        help="Create the loss in the class instead of passing it to compile().",
    )
    manual_metrics: bool = option(
        False,
        type=bool,
        core=True,
        off="compile-metrics",
        help="Create the metrics in the class instead of passing them to compile().",
    )
    sample_weight: bool = option(
        False,
        type=bool,
        core=True,
        help="Pass sample and class weights to the loss and the metrics.",
    )
    test_step: bool = option(
        False, type=bool, core=True, help="Write a test_step() for evaluate()."
    )
    gradient_hook: bool = option(
        False,
        type=bool,
        help="Write a method that changes the gradients before the optimizer.",
    )
    augment: bool = option(
        False,
        type=bool,
        help="Write a method that augments the batches of fit(), with a key per step.",
    )
    fuse_steps: bool = option(
        False,
        type=bool,
        help="Run the steps of one execution in one compiled loop.",
    )
    class_name: str = option(
        "CustomModel", everywhere=True, metavar="NAME", help="The name of the class."
    )
    demo: bool = option(
        True, type=bool, everywhere=True, help="Add a main block that trains the model."
    )
    line_length: int | None = option(
        None,
        type=int,
        form=True,
        everywhere=True,
        minimum=1,
        metavar="N",
        help="Black's line length. Overrides [tool.black].",
    )
    target_version: tuple[str, ...] = option(
        (),
        many=True,
        form=True,
        everywhere=True,
        choices=TARGET_VERSIONS,
        metavar="VERSION",
        help="A Python version for Black. Overrides [tool.black]. Repeatable.",
    )


#: The options of `CommonOptions`, in the order of its fields.
OPTIONS: tuple[Option, ...] = options_of(CommonOptions)

#: The option `--recipe`, on which the other options depend.
RECIPE: Option = OPTIONS[0]


def core_options() -> tuple[Option, ...]:
    """Lists the options that have a golden for each combination."""
    return tuple(o for o in OPTIONS if o.core)


def named_recipe(words: Iterable[str]) -> str:
    """Returns the recipe that a command line names, or the default."""
    flag, found = RECIPE.flag, DEFAULT_RECIPE
    words = iter(words)
    for word in words:
        if word == "--":
            break
        if word == flag:
            found = next(words, found)
        elif word.startswith(f"{flag}="):
            found = word.removeprefix(f"{flag}=")
    return found
