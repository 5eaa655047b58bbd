"""`Spec`: what to generate. One option is one field, and only this file knows it."""

import builtins
import keyword
import shlex
import unicodedata
from dataclasses import dataclass

from .errors import SpecError, did_you_mean
from .keras_objects import LOSSES, METRICS, known_names
from .objective import TASKS, Objective, resolve
from .options import Option, option, options_of
from .recipes import recipe_names

#: Black's names of the Python versions, `py33` to `py315`.
TARGET_VERSIONS = tuple(f"py3{minor}" for minor in range(3, 16))

#: Names that the emitted files use: a class of that name would shadow them.
RESERVED = frozenset(
    "jax keras np numpy inspect itertools math os training_argument "
    "refuse_weight refuse_weight_arguments BatchSize is_joined rows_of fuses_steps "
    "steps_per_call in_one_loop join split join_batches prepare_loop JoinedArrays "
    "join_arrays history hidden inputs model name outputs results rng scores value "
    "weights x y "
    # The module that trains a project:
    "argparse sys Path Figure InputError distribution Checkpoint read_about OUTPUTS "
    "check_data load_data RECORDED FIXED build_model parse positive prepare train "
    "natural steps_per_execution named table plot main".split()
)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The options of a generated file, checked.

    Every field is an option of `kscaffold new`, described by its metadata.

    Raises:
        SpecError: If a value is not one that the option can have, or if two
            options contradict each other.
    """

    recipe: str = option(
        "supervised", choices=recipe_names(), help="The training algorithm."
    )
    style: str = option(
        "functional",
        choices=("functional", "sequential", "subclass"),
        help="Base class: layers as a graph, as a list, or in __init__ and call.",
    )
    task: str = option(
        "regression",
        choices=tuple(TASKS),
        help="Picks the loss, the metric and the demo's data.",
    )
    loss: str | None = option(
        None,
        metavar="NAME",
        examples=known_names(LOSSES),
        help="A Keras loss, in place of the task's.",
    )
    metric: tuple[str, ...] = option(
        (),
        many=True,
        metavar="NAME",
        examples=known_names(METRICS),
        help="A Keras metric, in place of the task's; repeatable.",
    )
    manual_loss: bool = option(
        False,
        type=bool,
        core=True,
        off="compile-loss",
        help="The class owns its loss; otherwise compile() gets one.",
    )
    manual_metrics: bool = option(
        False,
        type=bool,
        core=True,
        off="compile-metrics",
        help="The class owns its metrics; otherwise compile() gets them.",
    )
    sample_weight: bool = option(
        False,
        type=bool,
        core=True,
        help="Sample and class weights reach the loss and the metrics.",
    )
    test_step: bool = option(
        False, type=bool, core=True, help="An explicit test_step() for evaluate()."
    )
    fuse_steps: bool = option(
        False,
        type=bool,
        help="The steps of one execution run in one compiled loop.",
    )
    class_name: str = option(
        "CustomModel", metavar="NAME", help="The name of the class."
    )
    demo: bool = option(
        True, type=bool, help="A main block that trains on synthetic data."
    )
    line_length: int | None = option(
        None,
        type=int,
        form=True,
        metavar="N",
        help="As Black's, in place of [tool.black]'s.",
    )
    target_version: tuple[str, ...] = option(
        (),
        many=True,
        form=True,
        choices=TARGET_VERSIONS,
        metavar="VERSION",
        help="As Black's, in place of [tool.black]'s; repeatable.",
    )

    def __post_init__(self):
        """Checks every field alone, then those that depend on each other."""
        for opt in OPTIONS:
            _check(opt, getattr(self, opt.name))
        _check_class_name(self.class_name)
        if self.line_length is not None and self.line_length < 1:
            raise SpecError(
                f"--line-length must be at least 1, not {self.line_length}."
            )
        self.objective  # noqa: B018 - resolving is the check

    @property
    def objective(self) -> Objective:
        """The loss and the metrics, and what they need of the model and the data."""
        return resolve(
            self.task,
            self.loss,
            self.metric,
            demo=self.demo,
            weighted=self.sample_weight,
        )

    def arguments(self) -> list[str]:
        """Returns the command line arguments that differ from the defaults."""
        arguments = []
        for opt in OPTIONS:
            value = getattr(self, opt.name)
            if value == opt.default:
                continue
            if opt.type is bool:
                arguments.append(opt.flag if value else opt.off_flag)
            else:
                for item in value if opt.many else (value,):
                    arguments += [opt.flag, str(item)]
        return arguments

    def command(self, target: str) -> str:
        """Returns the command that generates `target`, quoted for a shell."""
        return shlex.join(["kscaffold", "new", target, *self.arguments()])


#: The options of `Spec`, in the order of its fields.
OPTIONS: tuple[Option, ...] = options_of(Spec)


def core_options() -> tuple[Option, ...]:
    """Returns the options whose every combination has a golden."""
    return tuple(o for o in OPTIONS if o.core)


def _check(opt: Option, value) -> None:
    """Checks the type of a value, and that it is one of the option's choices."""
    if value is None and opt.default is None:
        return
    if opt.many and not isinstance(value, tuple):
        raise SpecError(f"{opt.name} must be a tuple, not {value!r}.")
    for item in value if opt.many else (value,):
        # `True` is an int for Python, but not for a user.
        if not isinstance(item, opt.type) or (
            isinstance(item, bool) and opt.type is not bool
        ):
            raise SpecError(
                f"{opt.name} must be of type {opt.type.__name__}, not {item!r}."
            )
        if opt.choices and item not in opt.choices:
            raise SpecError(
                f"{opt.flag} cannot be {item!r}.", did_you_mean(item, opt.choices)
            )


def _check_class_name(name: str) -> None:
    """Refuses names that Python would not accept or that would shadow another."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(
            f"--class-name {name!r} is not a name that Python allows for a class.",
            "Use letters, digits and underscores, such as MyModel.",
        )
    normal = unicodedata.normalize("NFKC", name)
    if name != normal:
        raise SpecError(
            f"--class-name {name!r} is another spelling of {normal!r} for Python.",
            f"Write it as {normal}.",
        )
    is_dunder = name.startswith("__") and name.endswith("__")
    if name in RESERVED or hasattr(builtins, name) or is_dunder:
        raise SpecError(
            f"--class-name {name!r} would shadow a name that the code uses.",
            "Choose another, such as MyModel.",
        )
