"""Measures how long kscaffold takes, relative to the least that a generator needs.

Each claim is a ratio of two cold processes of the same interpreter:

    new        `kscaffold new -`, for the plainest file, the fullest, and a recipe:
               against importing click, jinja2 and black, and formatting that same
               file once with Black
    --help     `kscaffold --help` against `import click`
    --version  `kscaffold --version` against `import click`

The two sides of a claim run in turn, so that other load on the machine affects both.
The table shows the medians, their ratio, and the first and third quartile of the
ratios of single rounds. Run it as

    python benchmarks/generate.py [--rounds N] [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = "from scaffold.cli import main; main()"
#: The options of the files to generate.
FILES = {
    "new": [],
    "new, fullest": [
        "--manual-loss",
        "--manual-metrics",
        "--sample-weight",
        "--test-step",
    ],
    "new, gan": ["--recipe", "gan"],
}
FLOOR = """
import sys, click, jinja2, black
with open(sys.argv[1], encoding="utf-8") as file:
    sys.stdout.write(black.format_str(file.read(), mode=black.Mode()))
"""


def python(code: str, *arguments: str) -> list[str]:
    """Returns the command line of a process. Both sides start in the same way."""
    return [sys.executable, "-c", code, *arguments]


def claims(folder: Path) -> dict[str, tuple[list[str], list[str], float]]:
    """Returns the two sides of each claim, and the largest ratio that is allowed."""
    claims = {}
    for number, (name, options) in enumerate(FILES.items()):
        command = python(COMMAND, "new", "-", *options)
        generated = folder / f"generated_{number}.py"
        generated.write_bytes(output(command, folder))
        claims[name] = (command, python(FLOOR, str(generated)), 1.15)
    click = python("import click")
    claims["--help"] = (python(COMMAND, "--help"), click, 1.35)
    claims["--version"] = (python(COMMAND, "--version"), click, 1.35)
    return claims


def output(command: list[str], folder: Path) -> bytes:
    """Runs a command that must succeed, and returns what it prints."""
    # Both sides find their modules compiled, as after an installation. The first round
    # is not counted: it compiles them into the folder.
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        command, cwd=folder, env=environ, check=True, capture_output=True
    ).stdout


def seconds(command: list[str], folder: Path) -> float:
    """Measures one cold process, from its start to its end."""
    start = time.perf_counter()
    output(command, folder)
    return time.perf_counter() - start


def measure(folder: Path, rounds: int) -> list[dict]:
    """Measures all claims. A first round warms the disk and is not counted."""
    sides = claims(folder)
    times = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, (ours, floor, _) in sides.items():
            times[name].append((seconds(ours, folder), seconds(floor, folder)))
    return [
        summary(name, times[name][1:], allowed)
        for name, (_, _, allowed) in sides.items()
    ]


def summary(name: str, pairs: list[tuple[float, float]], allowed: float) -> dict:
    """Reduces the rounds of a claim to medians, their ratio and its quartiles."""
    ours, floor = (statistics.median(side) for side in zip(*pairs, strict=True))
    quartiles = statistics.quantiles([a / b for a, b in pairs], n=4)
    return {
        "name": name,
        "milliseconds": round(1000 * ours, 1),
        "floor_milliseconds": round(1000 * floor, 1),
        "ratio": round(ours / floor, 3),
        "quartiles": [round(quartiles[0], 3), round(quartiles[2], 3)],
        "allowed": allowed,
    }


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="default: 40")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds must be at least 2")
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), arguments.rounds)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'':14}{'ours':>10}{'floor':>10}{'ratio':>8}  {'quartiles':15}allowed")
    for r in results:
        low, high = r["quartiles"]
        times = f"{r['milliseconds']:7.1f} ms{r['floor_milliseconds']:7.1f} ms"
        spread = f"{low:.3f} - {high:.3f}"
        print(f"{r['name']:14}{times}{r['ratio']:8.3f}  {spread:15}{r['allowed']:.2f}")


if __name__ == "__main__":
    main()
