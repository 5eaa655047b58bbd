"""What the recipes' demos reach on real data, over three seeds: a table for the README.

    python benchmarks/recipes.py [RECIPE ...]

Each demo trains on scikit-learn's handwritten digits and compares itself with something
trivial. Needs scikit-learn and matplotlib: pip install -e '.[test]'.
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
    """Runs the demo of a recipe.

    Returns:
        What it compares: numbers by name, its own first; and the seconds it took.
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
    """Runs the demos, and prints the mean and the spread of each number."""
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
