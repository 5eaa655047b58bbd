"""Measures the main blocks of the recipes over three seeds: a table for the docs.

    python benchmarks/recipes.py [RECIPE ...]

Each main block trains on scikit-learn's handwritten digits and compares its result with
a baseline. It needs scikit-learn and matplotlib: `pip install -e '.[test]'`. The table
goes into `docs/recipes/index.md`.
"""

import argparse
import os
import runpy
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from scaffold import Spec, render
from scaffold.recipes import recipe_names


def run(recipe: str, seed: int, folder: str) -> tuple[dict[str, float], float]:
    """Runs the main block of a recipe.

    Returns:
        A tuple `(results, seconds)`: the results by name, the recipe's own first, and
        the time.
    """
    [file] = render(Spec(recipe=recipe))
    assert "    seed = 0\n" in file.text
    path = os.path.join(folder, f"{recipe}_{seed}.py")
    with open(path, "w", encoding="utf-8") as out:
        out.write(file.text.replace("    seed = 0\n", f"    seed = {seed}\n"))
    keras.utils.clear_session()
    start = time.perf_counter()
    ran = runpy.run_path(path, run_name="__main__")
    return ran["results"], time.perf_counter() - start


def main() -> None:
    """Prints the mean and the standard deviation of each result."""
    known = [
        n for n in recipe_names() if "seed = 0\n" in render(Spec(recipe=n))[0].text
    ]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", default=known)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for recipe in args.recipes:
            ran = [run(recipe, seed, folder) for seed in range(args.seeds)]
            numbers = {
                name: [results[name] for results, _ in ran] for name in ran[0][0]
            }
            shown = ", ".join(
                f"{name} {np.mean(values):.4f} ± {np.std(values):.4f}"
                for name, values in numbers.items()
            )
            seconds = np.mean([seconds for _, seconds in ran])
            rows.append(f"| `{recipe}` | {shown} | {seconds:.0f} s |")
    print("| recipe | mean ± standard deviation over the seeds | a run |")
    print("|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
