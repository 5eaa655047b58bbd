"""The options that an update changes."""

from dataclasses import dataclass, replace

from ..errors import SpecError
from ..spec import Spec, all_options, not_an_option
from ..suggestions import did_you_mean


@dataclass(frozen=True)
class OptionChanges:
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
        known = {opt.flag[2:]: opt for opt in all_options() if not opt.fixed}
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
        own = {opt.name: opt for opt in spec.options}
        for opt in all_options():
            if self.concerns(opt.name) and opt.name not in own:
                raise not_an_option(opt, spec.recipe)
        unset = (opt for opt in spec.options if opt.flag[2:] in self.unset)
        return replace(spec, **{opt.name: opt.default for opt in unset}, **self.given)

    def concerns(self, name: str) -> bool:
        """Says whether an option, by its field's name, is given or unset."""
        return name in self.given or name.replace("_", "-") in self.unset
