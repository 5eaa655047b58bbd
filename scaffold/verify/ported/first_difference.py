"""Describes what differs first, and what that says about the port."""

import numpy as np

from ..causes import Explanation, of_port
from .steps import Compared

#: What is said about a weight that moves in the opposite direction.
OPPOSITE = " The port's numbers have the opposite sign."

ORDER = (
    " Several random numbers of this step have the same kind and shape. They are "
    "paired in the order in which they are drawn, so draw them in the same order."
)


def describe_equal(seen: list[Compared]) -> str:
    """Returns the comparison that is closest to its limit, and what is not compared."""
    decided = [c for c in seen if not c.undecided]
    left = list(dict.fromkeys(c.name for c in seen if c.undecided))
    parts = []
    if decided:
        worst = max(decided, key=lambda c: c.apart / c.limit if c.limit else 0)
        parts = [
            f"{worst.name} is closest to its limit: {worst.apart:.2g} apart, "
            f"{worst.limit:.2g} allowed"
        ]
    if left:
        names = ", ".join(left[:3]) + (" ..." if len(left) > 3 else "")
        parts.append(
            f"{len(left)} not always compared, because rounding decides: {names}"
        )
    return "; ".join(parts)


def first(found: list[Compared]) -> Compared:
    """Returns the comparison that tells most about the first step that differs.

    If a network moves in the opposite direction, its weight comes first: a step may
    train it before it computes a log. Then comes a log that differs by a simple factor,
    and not a sum in which it is a term.
    """
    step = next(c.step for c in found if c.differs)
    differing = [c for c in found if c.differs and c.step == step]
    told = [c for c in differing if c.kind != "weight" and _ratio(c)]
    return [*_opposite(differing), *told, *differing][0]


def _opposite(differing: list[Compared]) -> list[Compared]:
    """Returns the weights of networks of which all weights have the opposite sign."""
    networks = {}
    for c in differing:
        if c.kind == "weight" and "moving_" not in c.name:
            networks.setdefault(c.attribute, []).append(c)
    whole = [n for n in networks.values() if all(OPPOSITE in _ratio(c) for c in n)]
    # A single number has the opposite sign by chance.
    return [
        c for network in whole if max(c.port.size for c in network) > 8 for c in network
    ]


def describe_difference(found: list[Compared]) -> str:
    """Returns the first difference of a step, and how many others there are."""
    one = first(found)
    text = f"step {one.step}, {one.kind} {one.name}: {_values(one)}"
    text += f" ({one.apart:.3g} apart, {one.limit:.2g} allowed)"
    parts = [text]
    for kind, plural in ("log", "logs"), ("weight", "weights"):
        of_kind = [c for c in found if c.kind == kind and c.step == one.step]
        differing = [c for c in of_kind if c.differs]
        if of_kind and not differing:
            parts.append(f"all {plural} of this step are equal")
        elif len(of_kind) > 1:
            groups = dict.fromkeys(c.attribute or c.name for c in differing)
            parts.append(
                f"{len(differing)} of {len(of_kind)} {plural} differ: "
                + ", ".join(_count(group, of_kind) for group in [*groups][:4])
                + (" ..." if len(groups) > 4 else "")
            )
    return "; ".join(parts)


def _count(group: str, of_kind: list[Compared]) -> str:
    """Returns a log's name, or how many weights of an attribute differ."""
    members = [c for c in of_kind if c.attribute == group]
    if not members:
        return group
    return f"{sum(c.differs for c in members)} of {len(members)} of {group}"


def _values(one: Compared) -> str:
    """Returns the values of both sides."""
    if one.original.shape != one.port.shape:
        shapes = f"shape {one.original.shape} in the original, {one.port.shape}"
        return f"{shapes} in the port"
    if one.original.ndim == 0:
        return f"{one.original:.6g} in the original, {one.port:.6g} in the port"
    apart = np.abs(one.original.astype("float64") - one.port)
    where = np.unravel_index(np.nan_to_num(apart, nan=np.inf).argmax(), apart.shape)
    a, b = one.original[where], one.port[where]
    index = f"[{', '.join(map(str, where))}]"
    verb = "changed by " if one.kind == "weight" else ""
    return f"{index} {verb}{a:.6g} in the original, {b:.6g} in the port"


def explain(found: list[Compared], configs: list[str], several: bool) -> Explanation:
    """Returns the cause of a difference, as far as the numbers tell it, and a fix.

    Args:
        found: The comparisons of the step.
        configs: How the settings of the optimizers differ.
        several: Whether only their order tells some random numbers apart.
    """
    one, order = first(found), ORDER if several else ""
    if one.kind == "weight":
        kind = _kind(one)
        # Settings explain only what an optimizer does.
        if configs and kind == "gradient":
            settings = "".join(f" {text}" for text in configs)
            return of_port("settings", more=f"{settings}{_ratio(one)}{order}")
        more = _ratio(one) if kind == "gradient" else ""
        return of_port(kind, more=f"{more}{order}")
    before = "all earlier steps" if one.step > 1 else "the weights"
    return of_port("log", before=before, name=one.name, more=f"{_ratio(one)}{order}")


def _kind(one: Compared) -> str:
    """Returns what a weight that changes differently shows."""
    if "moving_" in one.name.rsplit("/")[-1]:
        return "layer_state"
    if not one.port.any():
        return "not_trained"
    return "gradient" if one.original.any() else "only_trained"


def _ratio(one: Compared) -> str:
    """Says by which factor all numbers of the port differ, if it is a simple one."""
    if one.original.shape != one.port.shape:
        return ""
    a, b = one.original.astype("float64").ravel(), one.port.astype("float64").ravel()
    if not a.any() or not np.isfinite([a, b]).all():
        return ""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    # Not all of them: rounding decides the sign of the smallest gradients.
    alike = abs(lengths[0] - lengths[1]) < 0.05 * lengths[0]
    if alike and a @ b < -0.95 * lengths[0] * lengths[1]:
        return OPPOSITE
    factor = float(a @ b / (a @ a))
    if not factor or np.abs(b - factor * a).max() > 1e-3 * np.abs(b).max():
        return ""
    whole = round(factor if abs(factor) >= 1 else 1 / factor)
    exact = whole if abs(factor) >= 1 else 1 / whole
    if abs(factor - exact) > 1e-3 * abs(exact) or exact == 1:
        return ""
    text = f"{whole}" if abs(factor) >= 1 else f"1/{whole}"
    return f" The port's numbers are {text} times the original's."
