"""`Spec`: the options of a generated file. Each option is a field, defined only here.

A recipe can add options in its `recipe.toml`. Its specs are then instances of a
subclass of `Spec` that has these options as fields.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields, make_dataclass
from functools import cache

from .class_names import check_class_name
from .errors import SpecError, TemplateError
from .keras_losses import LOSSES
from .keras_metrics import METRICS
from .keras_names import known_names
from .objective import TASKS, Objective, resolve
from .option import Option, option, options_of
from .parts import Parts, parts_of
from .recipes import DEFAULT_RECIPE, load_recipe, recipe_names

#: The types of options, by their names in a `recipe.toml`.
TYPES = {kind.__name__: kind for kind in (str, bool, int, float)}

#: Black's names of the Python versions, `py33` to `py315`.
TARGET_VERSIONS = tuple(f"py3{minor}" for minor in range(3, 16))


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The options of a generated file.

    Every field is an option of `kscaffold new`, and its metadata describes the option.

    Raises:
        SpecError: If an option has an invalid value, or if two options contradict
            each other.
    """

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

    def __new__(cls, recipe: str = DEFAULT_RECIPE, **_):
        """Creates an instance of the recipe's subclass, which has its options."""
        made = spec_class(recipe)
        if not issubclass(made, cls):
            raise SpecError(
                "The recipe of a spec cannot be replaced.", "Create a new Spec."
            )
        return super().__new__(made)

    def __post_init__(self):
        """Checks every field, then the combination of the loss, metrics and task."""
        own = {opt.name for opt in self.options}
        for opt in options_of(type(self)):
            value = getattr(self, opt.name)
            if opt.name in own:
                opt.check(value)
            elif value != opt.default:
                raise not_an_option(opt, self.recipe)
            if opt.type is float and isinstance(value, int):
                object.__setattr__(self, opt.name, float(value))
        for opt in options_of(type(self)):
            self._check_exclusions(opt)
        check_class_name(self.class_name)
        self.objective, self.parts  # noqa: B018 - resolving is the check

    def _check_exclusions(self, opt: Option) -> None:
        """Checks that an option is not set together with one that it excludes."""
        given = {o.name: o for o in self.options if getattr(self, o.name) != o.default}
        for name in opt.excludes if opt.name in given else ():
            if name in given:
                flags = f"{opt.flag} and {given[name].flag}"
                raise SpecError(f"{flags} cannot be combined.", opt.why)

    @property
    def about(self) -> dict:
        """The content of the `recipe.toml` of the recipe."""
        return load_recipe(self.recipe)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the recipe."""
        return recipe_options(self.recipe)

    @property
    def variant(self) -> str:
        """Names the recipe's own options that change the class, not just its numbers.

        Under this package the class is registered, so that a process can load files of
        all variants.
        """
        names = [self.parts.variant] if self.parts else []
        for opt in own_options(self.recipe):
            value = getattr(self, opt.name)
            if opt.many or value == opt.default:
                continue
            if opt.choices:
                names.append(value)
            elif not opt.default:
                names.append(opt.name)
        return "_".join(names)

    @property
    def objective(self) -> Objective:
        """The loss, the metrics, and the model and data that they need."""
        return resolve(
            self.task,
            self.loss,
            self.metric,
            demo=self.demo,
            weighted=self.sample_weight,
        )

    @property
    def parts(self) -> Parts | None:
        """The parts of the class, if the options of the recipe name them."""
        return parts_of(self) if self.about["parts"] else None

    @property
    def default_target(self) -> str:
        """The file that is written if no target is named: `wgan_gp.py`."""
        if self.recipe == DEFAULT_RECIPE:
            return "custom_model.py"
        return f"{self.recipe.replace('-', '_')}.py"

    def arguments(self) -> list[str]:
        """Returns the command line arguments for all values that are not defaults."""
        arguments = []
        for opt in self.options:
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

#: The option `--recipe`, on which the other options depend.
RECIPE: Option = OPTIONS[0]


def spec_class(recipe: str) -> type[Spec]:
    """Returns the class of a recipe's specs: `Spec`, or a subclass with more options.

    Raises:
        SpecError: If there is no such recipe.
        TemplateError: If its `recipe.toml` declares invalid options.
    """
    RECIPE.check(recipe)
    return _spec_class(recipe)


@cache
def _spec_class(recipe: str) -> type[Spec]:
    about, common = load_recipe(recipe), {f.name: f for f in fields(Spec)}
    try:
        changed = [
            (name, common[name].type, option(default, **common[name].metadata))
            for name, default in about["defaults"].items()
        ]
        added = [
            (name, object, _declared(**metadata))
            for name, metadata in about["options"].items()
        ]
        kind = Spec
        if changed or added:
            kind = make_dataclass(
                "Spec",
                [*changed, *added],
                bases=(Spec,),
                namespace={"__module__": __name__},
                frozen=True,
                kw_only=True,
            )
        for opt in options_of(kind):
            opt.check(opt.default)
        for name in about["supports"] or ():
            common[name]
    except (KeyError, TypeError, SpecError) as error:
        raise TemplateError(
            f"recipe.toml of {recipe} declares invalid options: {error!r}."
        ) from error
    return kind


def _declared(type: str, optional=False, choices=(), excludes=(), **metadata):
    """Returns the field of an option that a recipe adds. TOML has no `None`."""
    default = None if optional else metadata.pop("default")
    if metadata.get("many"):
        default = tuple(default)
    lists = {"choices": tuple(choices), "excludes": tuple(excludes)}
    return option(default, TYPES[type], **lists, **metadata)


def recipe_options(recipe: str) -> tuple[Option, ...]:
    """Lists the options of a recipe. The options of every recipe come last.

    Raises:
        SpecError: If there is no such recipe.
    """
    kind = spec_class(recipe)
    supports = load_recipe(recipe)["supports"]
    foreign = {
        opt.name
        for opt in OPTIONS
        if not opt.everywhere and supports is not None and opt.name not in supports
    }
    found = (opt for opt in options_of(kind) if opt.name not in foreign)
    return tuple(sorted(found, key=lambda opt: (not opt.fixed, opt.everywhere)))


def own_options(recipe: str) -> tuple[Option, ...]:
    """Lists the options that a recipe adds to `Spec`."""
    common = {opt.name for opt in OPTIONS}
    return tuple(o for o in recipe_options(recipe) if o.name not in common)


@cache
def all_options() -> tuple[Option, ...]:
    """Lists the options of all recipes. Options of the same name are listed once."""
    own = {o.name: o for name in recipe_names() for o in own_options(name)}
    return (*OPTIONS, *own.values())


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


def not_an_option(opt: Option, recipe: str) -> SpecError:
    """Returns the error for an option that the recipe does not have."""
    others = [
        name
        for name in recipe_names()
        if opt.name in {other.name for other in recipe_options(name)}
    ]
    return SpecError(
        f"{opt.flag} is not an option of the recipe {recipe}.",
        f"These recipes have it: {', '.join(others)}." if others else "",
        code="option-unknown",
    )
