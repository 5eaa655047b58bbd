"""What an option is: the metadata of one field of `Spec`, and nothing about any one."""

import math
import operator
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache

from .errors import SpecError, did_you_mean


@dataclass(frozen=True)
class Option:
    """Everything that the command line, the prompts and the tables say of an option.

    Attributes:
        name: The field's name, `manual_loss`.
        type: `str`, `bool`, `int` or `float`.
        default: The value without the option.
        help: One line for `--help`, the README and the prompt.
        choices: The values that it may have, or `()` for any.
        off: For a boolean, the name of the flag that switches it off.
        many: Whether it may be repeated; its value is then a tuple.
        metavar: What stands for the value in `--help`.
        examples: Values that a shell may complete; others are possible.
        core: Whether the goldens show all combinations of it with others.
        form: Whether it changes the form of the code alone.
        everywhere: Whether all recipes have it.
        fixed: Whether it cannot change once a file is generated.
        minimum: The least number that it may be.
        maximum: The greatest.
        above: What it must be greater than.
        below: What it must be less than.
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

    @property
    def flag(self) -> str:
        """The flag that sets it, `--manual-loss`."""
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The flag that switches a boolean off, `--compile-loss`."""
        return "--" + (self.off or "no-" + self.name.replace("_", "-"))

    def check(self, value) -> None:
        """Checks the type of a value, and that it is one that the option can have.

        Raises:
            SpecError: If it is not.
        """
        if value is None and self.default is None:
            return
        if self.many and not isinstance(value, tuple):
            raise SpecError(f"{self.name} must be a tuple, not {value!r}.")
        for item in value if self.many else (value,):
            self._check_item(item)

    def _check_item(self, item) -> None:
        # `True` is an int for Python, but not for a user; an int is a float for both.
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
        """Lists what a number must be, in words, and whether it is."""
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
    """Declares a field of a dataclass that is an option of the command line."""
    return field(default=default, metadata={"type": type, **metadata})


@cache
def options_of(spec_class) -> tuple[Option, ...]:
    """Lists the options of a dataclass whose fields were made by `option()`."""
    return tuple(
        Option(name=f.name, default=f.default, **f.metadata)
        for f in fields(spec_class)
        if f.default is not MISSING
    )
