"""Reads the parts of a class from its options, and checks that they fit together."""

import re
from collections.abc import Iterable

from .errors import SpecError
from .part_names import check_derived, check_form, check_name, check_new
from .parts import Optimizer, Parts, only_optimizer
from .suggestions import did_you_mean


def parts_of(spec) -> Parts:
    """Returns the parts that the options of a spec name.

    Raises:
        SpecError: If the options contradict each other, or a name is not possible.
    """
    averages = _pairs("--average", "NAME=NETWORK", spec.average)
    names = {
        "--network": spec.network,
        "--frozen": spec.frozen,
        "--average": [name for name, _ in averages],
    }
    if not spec.network:
        raise SpecError("No network is trained.", "Name one: --network NAME")
    known: dict[str, str] = {}
    for flag, listed in names.items():
        for name in listed:
            check_name(flag, name)
            check_new(flag, name, known)
            known[name] = flag
    for name, network in averages:
        _check_average(name, network, known)
    optimizers = _ordered(_optimizers(spec, known), spec.updates)
    check_derived([optimizer.name for optimizer in optimizers], known)
    if spec.predict is not None and spec.predict not in known:
        raise SpecError(
            f"--predict {spec.predict}: there is no such network.",
            did_you_mean(spec.predict, known),
        )
    return Parts(spec.network, spec.frozen, dict(averages), optimizers, spec.predict)


def _pairs(flag: str, form: str, words: Iterable[str]) -> list[tuple[str, str]]:
    """Splits words at their equals sign."""
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise SpecError(
                f"{flag} {word} is not of the form {form}.", f"Write {flag} {form}."
            )
        pairs.append((name, value))
    return pairs


def _check_average(name: str, network: str, known: dict[str, str]) -> None:
    """Checks that the average is of a network that is trained."""
    flag = f"--average {name}={network}"
    if network not in known:
        trained = [name for name, of in known.items() if of == "--network"]
        raise SpecError(
            f"{flag}: there is no network {network}.", did_you_mean(network, trained)
        )
    if known[network] == "--frozen":
        raise SpecError(
            f"{flag}: {network} is frozen, so its average would never change.",
            f"Train it with --network {network}, or leave out --average.",
        )
    if known[network] == "--average":
        raise SpecError(
            f"{flag}: {network} is an average itself.",
            "Name the network that is trained.",
        )


def _optimizers(spec, known: dict[str, str]) -> list[Optimizer]:
    """Lists the optimizers. By default, one trains all networks."""
    if not spec.optimizer:
        return [only_optimizer(spec.network)]
    optimizers, owners = [], {}
    pairs = _pairs("--optimizer", "NAME=NETWORK[,NETWORK...]", spec.optimizer)
    for name, value in pairs:
        check_form("--optimizer", name)
        if name in [other.name for other in optimizers]:
            raise SpecError(
                f"--optimizer {name}: another optimizer has this name.",
                f"List its networks: --optimizer {name}=NETWORK,NETWORK",
            )
        networks = tuple(value.split(","))
        for network in networks:
            _check_trained(f"--optimizer {name}={value}", network, known)
            if network in owners:
                again = owners[network]
                raise SpecError(
                    (
                        f"{network} has two optimizers: {again} and {name}."
                        if again != name
                        else f"--optimizer {name}={value} lists {network} twice."
                    ),
                    "List each network once, in one --optimizer.",
                )
            owners[network] = name
        optimizers.append(Optimizer(name, networks))
    for network in spec.network:
        if network not in owners:
            raise SpecError(
                f"{network} has no optimizer.",
                f"Add it to an --optimizer, or freeze it: --frozen {network} in place "
                f"of --network {network}",
            )
    return optimizers


def _check_trained(flag: str, network: str, known: dict[str, str]) -> None:
    """Checks that an optimizer can train a network."""
    if network not in known:
        raise SpecError(
            f"{flag}: there is no network {network!r}.", did_you_mean(network, known)
        )
    if known[network] != "--network":
        what = "frozen" if known[network] == "--frozen" else "a moving average"
        raise SpecError(
            f"{flag}: {network} is {what}, so it is not trained.",
            f"Leave it out, or train it with --network {network}.",
        )


def _ordered(optimizers: list[Optimizer], updates: Iterable[str]) -> tuple:
    """Returns the optimizers with their updates. Those with several come first."""
    names = [optimizer.name for optimizer in optimizers]
    counts: dict[str, int] = {}
    for name, value in _pairs("--updates", "OPTIMIZER=N", updates):
        flag = f"--updates {name}={value}"
        if name not in names:
            raise SpecError(
                f"{flag}: there is no optimizer {name}.", did_you_mean(name, names)
            )
        if name in counts:
            raise SpecError(f"{flag}: {name} has two numbers.", "Give it one.")
        if not re.fullmatch("[1-9][0-9]{0,3}", value):
            raise SpecError(
                f"{flag}: the number of updates must be from 1 to 9999.",
                f"Write --updates {name}=5, for example.",
            )
        counts[name] = int(value)
    several = [name for name in names if counts.get(name, 1) > 1]
    if several == names:
        raise SpecError(
            f"--updates {several[0]}={counts[several[0]]}: no optimizer is left with "
            "one update.",
            (
                "Leave it out for one optimizer."
                if len(names) > 1
                else "Leave it out. To train longer, pass more epochs to fit()."
            ),
        )
    counted = [Optimizer(o.name, o.networks, counts.get(o.name, 1)) for o in optimizers]
    return tuple(sorted(counted, key=lambda optimizer: optimizer.updates == 1))
