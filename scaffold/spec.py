"""`Spec`: what to generate. One option is one field, and only this file knows it.

A recipe adds options of its own: its `recipe.toml` declares them, and its specs are of
a class that has them as fields.
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
from .recipes import DEFAULT_RECIPE, load_recipe, recipe_names

#: The types of options, by the names that a `recipe.toml` has for them.
TYPES = {kind.__name__: kind for kind in (str, bool, int, float)}

#: Black's names of the Python versions, `py33` to `py315`.
TARGET_VERSIONS = tuple(f"py3{minor}" for minor in range(3, 16))


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The options of a generated file, checked.

    Every field is an option of `kscaffold new`, described by its metadata.

    Raises:
        SpecError: If a value is not one that the option can have, or if two
            options contradict each other.
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
        "CustomModel", everywhere=True, metavar="NAME", help="The name of the class."
    )
    demo: bool = option(
        True, type=bool, everywhere=True, help="A main block that trains on some data."
    )
    line_length: int | None = option(
        None,
        type=int,
        form=True,
        everywhere=True,
        minimum=1,
        metavar="N",
        help="As Black's, in place of [tool.black]'s.",
    )
    target_version: tuple[str, ...] = option(
        (),
        many=True,
        form=True,
        everywhere=True,
        choices=TARGET_VERSIONS,
        metavar="VERSION",
        help="As Black's, in place of [tool.black]'s; repeatable.",
    )

    def __new__(cls, recipe: str = DEFAULT_RECIPE, **_):
        """Makes an object of the recipe's class of specs, which has its options."""
        made = spec_class(recipe)
        if not issubclass(made, cls):
            raise SpecError("The recipe of a spec cannot be replaced: make a new one.")
        return super().__new__(made)

    def __post_init__(self):
        """Checks every field alone, then those that depend on each other."""
        own = {opt.name for opt in self.options}
        for opt in options_of(type(self)):
            value = getattr(self, opt.name)
            if opt.name in own:
                opt.check(value)
            elif value != opt.default:
                raise not_an_option(opt, self.recipe)
            if opt.type is float and isinstance(value, int):
                object.__setattr__(self, opt.name, float(value))
        check_class_name(self.class_name)
        self.objective  # noqa: B018 - resolving is the check

    @property
    def about(self) -> dict:
        """What the `recipe.toml` of the recipe says."""
        return load_recipe(self.recipe)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that the recipe has."""
        return recipe_options(self.recipe)

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

    @property
    def default_target(self) -> str:
        """The file that is written if no target is named: `wgan_gp.py`."""
        if self.recipe == DEFAULT_RECIPE:
            return "custom_model.py"
        return f"{self.recipe.replace('-', '_')}.py"

    def arguments(self) -> list[str]:
        """Returns the command line arguments that differ from the defaults."""
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


#: The options of `Spec`: those of all recipes, in the order of its fields.
OPTIONS: tuple[Option, ...] = options_of(Spec)

#: The one that says which others there are.
RECIPE: Option = OPTIONS[0]


def spec_class(recipe: str) -> type[Spec]:
    """Returns the class of a recipe's specs: `Spec`, with what `recipe.toml` adds.

    Raises:
        SpecError: If there is no such recipe.
        TemplateError: If its `recipe.toml` declares what cannot be.
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
            (name, TYPES[metadata["type"]], _declared(**metadata))
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
            f"recipe.toml of {recipe} declares options that cannot be: {error!r}."
        ) from error
    return kind


def _declared(type: str, default, choices=(), **metadata):
    """Returns the field of an option that a recipe adds."""
    return option(default, TYPES[type], choices=tuple(choices), **metadata)


def recipe_options(recipe: str) -> tuple[Option, ...]:
    """Lists the options of a recipe; those that every recipe has come last.

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
    """Lists the options that a recipe adds to those of `Spec`."""
    common = {opt.name for opt in OPTIONS}
    return tuple(o for o in recipe_options(recipe) if o.name not in common)


@cache
def all_options() -> tuple[Option, ...]:
    """Lists the options of all recipes, each name once."""
    own = {o.name: o for name in recipe_names() for o in own_options(name)}
    return (*OPTIONS, *own.values())


def core_options() -> tuple[Option, ...]:
    """Returns the options whose every combination has a golden."""
    return tuple(o for o in OPTIONS if o.core)


def named_recipe(words: Iterable[str]) -> str:
    """Returns the recipe that the words of a command line name, or the default."""
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
    """Returns the error that a recipe does not have an option, and which ones do."""
    others = [
        name
        for name in recipe_names()
        if opt.name in {other.name for other in recipe_options(name)}
    ]
    return SpecError(
        f"{opt.flag} is not an option of the recipe {recipe}.",
        f"These have it: {', '.join(others)}." if others else "",
    )
