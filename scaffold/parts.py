"""`Parts`: the networks and optimizers of a class, as the options name them.

A recipe has parts if its `recipe.toml` says so. Its options then include `network`,
`optimizer`, `average`, `frozen`, `updates` and `predict`. `part_options.py` reads them.
"""

import hashlib
import json
from dataclasses import dataclass

#: The longest list of networks in the name of a variant.
LONGEST_VARIANT = 36
#: The name of an optimizer that is not named and trains several networks.
JOINT = "joint"


@dataclass(frozen=True)
class Optimizer:
    """An optimizer, and what it trains.

    Attributes:
        name: The name, such as `student`. The class has `student_loss()`.
        networks: The names of the networks that it trains.
        updates: The number of its updates for each update of the others.
    """

    name: str
    networks: tuple[str, ...]
    updates: int = 1

    @property
    def argument(self) -> str:
        """Its name in `compile()`, and the name of an attribute."""
        return f"{self.name}_optimizer"

    @property
    def loss(self) -> str:
        """The name of the method with its loss."""
        return f"{self.name}_loss"

    @property
    def variables(self) -> str:
        """The expression for the variables that it trains."""
        if len(self.networks) == 1:
            return f"self.{self.networks[0]}.trainable_variables"
        return f"self.{self.name}_variables"

    @property
    def count(self) -> str:
        """The name of the setting with the number of its updates."""
        return f"{self.name}_updates"


@dataclass(frozen=True)
class Parts:
    """The parts of a class.

    Attributes:
        networks: The names of the networks that are trained.
        frozen: The names of the networks that are not trained.
        averages: A dict from the name of each moving average to its network.
        optimizers: The optimizers, in the order of their updates.
        wanted: The name of the network that `predict()` should run, or `None`.
    """

    networks: tuple[str, ...]
    frozen: tuple[str, ...]
    averages: dict[str, str]
    optimizers: tuple[Optimizer, ...]
    wanted: str | None

    @property
    def predict(self) -> str:
        """The network that `predict()` runs. By default, an average comes first."""
        first = self.networks[0]
        return self.wanted or self.averaged.get(first, first)

    @property
    def given(self) -> tuple[str, ...]:
        """The networks that the user passes to the class."""
        return (*self.networks, *self.frozen)

    @property
    def repeated(self) -> tuple[Optimizer, ...]:
        """The optimizers with several updates. They come first."""
        return tuple(o for o in self.optimizers if o.updates > 1)

    @property
    def single(self) -> tuple[Optimizer, ...]:
        """The optimizers with one update."""
        return tuple(o for o in self.optimizers if o.updates == 1)

    @property
    def averaged(self) -> dict[str, str]:
        """A dict from each network that has a moving average to its first one."""
        return {
            network: average for average, network in reversed(self.averages.items())
        }

    @property
    def label(self) -> str:
        """The names of the networks, as far as they fit in the name of a variant."""
        names = (*self.networks, *self.averages, *self.frozen)
        return "-".join(names)[:LONGEST_VARIANT].rstrip("-_")

    @property
    def checksum(self) -> str:
        """Six digits that tell apart the classes of one label.

        It is empty for a class that the label describes fully: whole names of networks,
        one optimizer, and nothing else.
        """
        plain = Parts(self.networks, (), {}, (only_optimizer(self.networks),), None)
        if self._content == plain._content and self.label == "-".join(self.networks):
            return ""
        text = json.dumps(self._content)
        return hashlib.sha256(text.encode()).hexdigest()[:6]

    @property
    def _content(self) -> list:
        """What the class depends on.

        The numbers of updates are not part of it: they are settings in its config.
        """
        optimizers = [(o.name, o.networks, o.updates > 1) for o in self.optimizers]
        averages = list(self.averages.items())
        return [self.networks, self.frozen, averages, optimizers, self.predict]


def only_optimizer(networks: tuple[str, ...]) -> Optimizer:
    """Returns the optimizer that trains all networks if none is named."""
    return Optimizer(networks[0] if len(networks) == 1 else JOINT, networks)
