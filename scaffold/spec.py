"""`Spec`: the options of a generated file, checked.

The options are the fields of `CommonOptions`. A recipe can add options in its
`recipe.toml`. Its specs are then instances of a subclass of `Spec` that has these
options as fields.
"""

import shlex
from dataclasses import dataclass, make_dataclass
from functools import cache

from .class_names import check_class_name
from .common_options import CommonOptions
from .errors import SpecError
from .objective import Objective, resolve
from .option import Option, options_of
from .part_options import parts_of
from .parts import Parts
from .recipe_options import not_an_option, options_class, own_options, recipe_options
from .recipes import DEFAULT_RECIPE, load_recipe


@dataclass(frozen=True, kw_only=True)
class Spec(CommonOptions):
    """The options of a generated file.

    Every field is an option of `kscaffold new`, and its metadata describes the option.

    Raises:
        SpecError: If an option has an invalid value, or if two options contradict
            each other.
    """

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
        all variants. With parts, it is the label of the parts, the names of the other
        options, and the checksum of the parts: `student-teacher+noise+1f2a3c`.
        """
        names = []
        for opt in own_options(self.recipe):
            value = getattr(self, opt.name)
            if opt.many or value == opt.default:
                continue
            if opt.choices:
                names.append(value)
            elif opt.default is not None and not opt.default:
                names.append(opt.name)
        if not self.parts:
            return "_".join(names)
        return "+".join(filter(None, [self.parts.label, *names, self.parts.checksum]))

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


def spec_class(recipe: str) -> type[Spec]:
    """Returns the class of a recipe's specs: `Spec`, or a subclass with more options.

    Raises:
        SpecError: If there is no such recipe.
        TemplateError: If its `recipe.toml` declares invalid options.
    """
    return _spec_class(options_class(recipe))


@cache
def _spec_class(options: type[CommonOptions]) -> type[Spec]:
    if options is CommonOptions:
        return Spec
    return make_dataclass(
        "Spec",
        [],
        bases=(options, Spec),  # In this order, the defaults of the recipe apply.
        namespace={"__module__": __name__},
        frozen=True,
        kw_only=True,
    )
