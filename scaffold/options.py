"""What an option is: the metadata of one field of `Spec`, and nothing about any one."""

from dataclasses import MISSING, Field, dataclass, field, fields


@dataclass(frozen=True)
class Option:
    """Everything that the command line, the prompts and the tables say of an option.

    Attributes:
        name: The field's name, `manual_loss`.
        type: `str`, `bool` or `int`.
        default: The value without the option.
        help: One line for `--help`, the README and the prompt.
        choices: The values that it may have, or `()` for any.
        off: For a boolean, the name of the flag that switches it off.
        many: Whether it may be repeated; its value is then a tuple.
        metavar: What stands for the value in `--help`.
        examples: Values that a shell may complete; others are possible.
        core: Whether the goldens show all combinations of it with others.
        form: Whether it changes the form of the code alone.
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

    @property
    def flag(self) -> str:
        """The flag that sets it, `--manual-loss`."""
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The flag that switches a boolean off, `--compile-loss`."""
        return "--" + (self.off or "no-" + self.name.replace("_", "-"))


def option(default, type=str, **metadata) -> Field:
    """Declares a field of a dataclass that is an option of the command line."""
    return field(default=default, metadata={"type": type, **metadata})


def options_of(spec_class) -> tuple[Option, ...]:
    """Lists the options of a dataclass whose fields were made by `option()`."""
    return tuple(
        Option(name=f.name, default=f.default, **f.metadata)
        for f in fields(spec_class)
        if f.default is not MISSING
    )
