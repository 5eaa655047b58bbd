"""The changes that an update makes to options."""

from dataclasses import dataclass, replace

from ..errors import SpecError
from ..recipe_options import all_options, not_an_option
from ..spec import Spec
from ..suggestions import did_you_mean


@dataclass(frozen=True)
class OptionChanges:
    """Changes of options. All other options stay as they are.

    Attributes:
        given: The new values, by the names of the options.
        unset: The options to reset to their defaults, as flags without dashes.

    Raises:
        SpecError: If `unset` has an unknown name, or an option that is also given.
    """

    given: dict
    unset: tuple[str, ...] = ()

    def __post_init__(self):
        """Checks `unset`."""
        known = {opt.flag[2:]: opt for opt in all_options() if not opt.fixed}
        for name in self.unset:
            if name not in known:
                hint = did_you_mean(name, known)
                raise SpecError(
                    f"There is no option {name!r} to unset.",
                    hint,
                    code="option-unknown",
                )
            if known[name].name in self.given:
                raise SpecError(
                    f"--{name} is both given and unset.",
                    "Remove one of them.",
                    code="options-conflict",
                )

    def applied(self, spec: Spec) -> Spec:
        """Returns a spec with the changes.

        Raises:
            SpecError: If options contradict each other.
        """
        own = {opt.name: opt for opt in spec.options}
        for opt in all_options():
            if self.concerns(opt.name) and opt.name not in own:
                raise not_an_option(opt, spec.recipe)
        unset = (opt for opt in spec.options if opt.flag[2:] in self.unset)
        return replace(spec, **{opt.name: opt.default for opt in unset}, **self.given)

    def concerns(self, name: str) -> bool:
        """Says whether an option, named like its field, is given or unset."""
        return name in self.given or name.replace("_", "-") in self.unset
