"""Measures how long `kscaffold verify` takes, with and without `--quick`.

The claim is in seconds, because the user waits. On two cores, it is at most 90, and 20
with `--quick`. The verified file uses sample weights, so that every kind of case
applies. `--against` compares it with a copy, in all cases and with `--quick`. The
commands alternate, and nothing is compiled before. Run it as

    python benchmarks/verify.py [--rounds N] [--json]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCAFFOLD = [sys.executable, "-m", "scaffold"]
AGAINST = ["--against", "{folder}/old.py"]
#: The arguments of each command, and the seconds that it may take.
CLAIMS = {
    "all checks": ([], 90),
    "--quick": (["--quick"], 20),
    "--against": (AGAINST, 90),
    "--against --quick": ([*AGAINST, "--quick"], 30),
}


def seconds(folder: Path, arguments: list[str]) -> tuple[float, int]:
    """Verifies the file once. Returns the seconds and the number of checks."""
    arguments = [argument.format(folder=folder) for argument in arguments]
    command = [*SCAFFOLD, "verify", str(folder / "model.py"), "--json", *arguments]
    start = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True).stdout
    taken = time.perf_counter() - start
    outcomes = [case["outcome"] for case in json.loads(output)["cases"]]
    return taken, len(outcomes) - outcomes.count("not applicable")


def measure(folder: Path, rounds: int) -> list[dict]:
    """Measures both claims in alternating rounds."""
    command = [*SCAFFOLD, "new", str(folder / "model.py"), "--sample-weight"]
    subprocess.run(command, check=True, capture_output=True)
    shutil.copy(folder / "model.py", folder / "old.py")
    runs = {name: [] for name in CLAIMS}
    for _ in range(rounds):
        for name, (arguments, _) in CLAIMS.items():
            runs[name].append(seconds(folder, arguments))
    return [
        {
            "name": name,
            "cases": runs[name][0][1],
            "seconds": round(statistics.median(taken for taken, _ in runs[name]), 1),
            "slowest": round(max(taken for taken, _ in runs[name]), 1),
            "wanted": wanted,
        }
        for name, (_, wanted) in CLAIMS.items()
    ]


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), arguments.rounds)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"on {os.cpu_count()} cores")
    print(f"{'':18}{'checks':>8}{'median':>10}{'slowest':>10}{'wanted':>10}")
    for r in results:
        times = f"{r['seconds']:8.1f} s{r['slowest']:8.1f} s{r['wanted']:8} s"
        print(f"{r['name']:18}{r['cases']:8}{times}")


if __name__ == "__main__":
    main()
