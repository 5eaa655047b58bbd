"""`Option`: the metadata of one field of `Spec`."""

import math
import operator
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache

from .errors import SpecError
from .suggestions import did_you_mean


@dataclass(frozen=True)
class Option:
    """An option: what the command line, the prompts and the tables need to know.

    Attributes:
        name: The name of the field, such as `manual_loss`.
        type: `str`, `bool`, `int` or `float`.
        default: The default value.
        help: One line for `--help`, the tables and the prompt.
        choices: The allowed values, or `()` for any value.
        off: For a boolean, the name of the flag that turns it off.
        many: Whether the option can be repeated. Its value is then a tuple.
        metavar: The placeholder of the value in `--help`.
        examples: Values that a shell completes. Others are allowed.
        core: Whether each combination with other core options has a golden.
        form: Whether the option changes only the formatting of the code.
        everywhere: Whether every recipe has the option.
        fixed: Whether an update cannot change the option.
        minimum: The smallest allowed number.
        maximum: The largest allowed number.
        above: A number that the value must exceed.
        below: A number that the value must stay below.
        excludes: The options that cannot be set together with this one.
        why: The reason why they cannot.
    """

    name: str
    type: type
    default: object
    help: str
    choices: tuple[str, ...] = ()
    off: str = ""
    many: bool = False
    metavar: str = ""
    examples: tuple[str, ...] = ()
    core: bool = False
    form: bool = False
    everywhere: bool = False
    fixed: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    excludes: tuple[str, ...] = ()
    why: str = ""

    @property
    def flag(self) -> str:
        """The flag that sets the option, such as `--manual-loss`."""
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The flag that turns a boolean off, such as `--compile-loss`."""
        return "--" + (self.off or "no-" + self.name.replace("_", "-"))

    def check(self, value) -> None:
        """Checks that a value has the right type and is allowed.

        Raises:
            SpecError: If the value is not allowed.
        """
        if value is None and self.default is None:
            return
        if self.many and not isinstance(value, tuple):
            raise SpecError(f"{self.name} must be a tuple, not {value!r}.")
        for item in value if self.many else (value,):
            self._check_item(item)

    def _check_item(self, item) -> None:
        # Python accepts `True` as an int. Here a boolean is not a number.
        types = (int, float) if self.type is float else self.type
        if not isinstance(item, types) or (
            isinstance(item, bool) and self.type is not bool
        ):
            raise SpecError(
                f"{self.name} must be of type {self.type.__name__}, not {item!r}."
            )
        if self.choices and item not in self.choices:
            raise SpecError(
                f"{self.flag} cannot be {item!r}.", did_you_mean(item, self.choices)
            )
        wrong = [words for words, holds in self._bounds(item) if not holds]
        if wrong:
            raise SpecError(f"{self.flag} must be {' and '.join(wrong)}, not {item}.")

    def _bounds(self, item) -> list[tuple[str, bool]]:
        """Lists the bounds of a number in words, and whether each one is satisfied."""
        if isinstance(item, float) and not math.isfinite(item):
            return [("a number", False)]
        bounds = [
            (self.minimum, "at least {}", operator.ge),
            (self.above, "above {}", operator.gt),
            (self.maximum, "at most {}", operator.le),
            (self.below, "below {}", operator.lt),
        ]
        return [
            (words.format(bound), holds(item, bound))
            for bound, words, holds in bounds
            if bound is not None
        ]


def option(default, type=str, **metadata) -> Field:
    """Declares a field of a dataclass as an option of the command line."""
    return field(default=default, metadata={"type": type, **metadata})


@cache
def options_of(options_class) -> tuple[Option, ...]:
    """Lists the options of a dataclass, whose fields `option()` declared."""
    return tuple(
        Option(name=f.name, default=f.default, **f.metadata)
        for f in fields(options_class)
        if f.default is not MISSING
    )
