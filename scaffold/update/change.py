"""The options that an update changes."""

from dataclasses import dataclass, replace

from ..errors import SpecError, did_you_mean
from ..spec import OPTIONS, Spec


@dataclass(frozen=True)
class Change:
    """The options that an update changes; all others stay as they are.

    Attributes:
        given: New values, by the names of the options.
        unset: Flags without dashes, of options that go back to their defaults.

    Raises:
        SpecError: If a name in `unset` is of no option, or if that option is given.
    """

    given: dict
    unset: tuple[str, ...] = ()

    def __post_init__(self):
        """Checks `unset`."""
        known = {option.flag[2:]: option for option in OPTIONS}
        for name in self.unset:
            if name not in known:
                hint = did_you_mean(name, known)
                raise SpecError(f"--unset cannot be {name!r}.", hint)
            if known[name].name in self.given:
                raise SpecError(f"--{name} is given and unset.", "Drop one of them.")

    def applied(self, spec: Spec) -> Spec:
        """Returns a spec with the change.

        Raises:
            SpecError: If the options do not fit together.
        """
        defaults = {o.name: o.default for o in OPTIONS if o.flag[2:] in self.unset}
        return replace(spec, **defaults, **self.given)

    def concerns(self, name: str) -> bool:
        """Says whether an option, by its field's name, is given or unset."""
        return name in self.given or name.replace("_", "-") in self.unset
