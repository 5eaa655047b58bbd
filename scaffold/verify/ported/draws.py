"""Compares which random numbers both sides draw."""

#: The names of the phases in the results, and in messages.
PHASES = {
    "training": "training step",
    "evaluated": "evaluation step",
    "evaluated at the end": "evaluation step, after training,",
}


class RandomNumbers:
    """The random numbers of all steps of both sides.

    Attributes:
        unmatched: Maps a phase and the number of a step to why its numbers cannot be
            matched.
        repeated: Where the port draws the same numbers as in an earlier step, or an
            empty string.
        drawn: Whether a side draws any.
    """

    def __init__(self, port: dict, original: dict):
        """Compares the draws of every step."""
        self.unmatched, self.repeated, self.drawn = {}, "", False
        self._alike = set()
        for phase, name in PHASES.items():
            pairs = zip(_steps(port, phase), _steps(original, phase), strict=False)
            for number, (theirs, ours) in enumerate(pairs, 1):
                self._compare(phase, number, f"{name} {number}", theirs, ours)

    def alike(self, phase: str, number: int) -> bool:
        """Returns whether only the order tells some draws of a step apart."""
        return (phase, number) in self._alike

    def _compare(self, phase: str, number: int, name: str, port, original) -> None:
        """Compares the draws of a step."""
        self.drawn |= bool(port["draws"] or original["draws"])
        counts = [count for _, _, count, _ in port["draws"]]
        if max(counts, default=0) > 1:
            self._alike.add((phase, number))
        reason = _direct(port, original) or _unequal(port, original)
        if reason:
            self.unmatched[phase, number] = f"in {name}, {reason}"
        if port["repeated"] and not original["repeated"] and not self.repeated:
            self.repeated = (
                f"In {name}, the port draws the numbers of an earlier step again "
                f"({port['repeated']})."
            )


def _steps(side: dict, phase: str) -> list[dict]:
    if phase == "training":
        return side["steps"]
    return side[phase].get("steps", [])


def _direct(port: dict, original: dict) -> str:
    """Returns which side draws random numbers that are not Keras's, or nothing."""
    parts = [
        f"the {side} draws from {', '.join(step['direct'])}"
        for side, step in (("original", original), ("port", port))
        if step["direct"]
    ]
    return " and ".join(parts)


def _unequal(port: dict, original: dict) -> str:
    """Returns the first kind of draw whose number differs, or nothing."""
    sides = [_counts(original), _counts(port)]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        counts = [side.get(key, (0, ""))[0] for side in sides]
        if counts[0] != counts[1]:
            lines = [side[key][1] for side in sides if key in side and side[key][1]]
            where = f" ({', '.join(lines)})" if lines else ""
            return (
                f"the original draws {key[0]} of shape {key[1]} {_times(counts[0])}, "
                f"the port {_times(counts[1])}{where}"
            )
    return ""


def _counts(step: dict) -> dict:
    """Maps the kind and shape of draws to their number and the line of the first."""
    return {
        (kind, tuple(shape)): (count, line)
        for kind, shape, count, line in step["draws"]
    }


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")
