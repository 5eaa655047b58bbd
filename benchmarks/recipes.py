"""Measures the main blocks of the recipes over three seeds: a table for the docs.

    python benchmarks/recipes.py ["RECIPE [--conditional]" ...]

Each main block trains on scikit-learn's handwritten digits and compares its result with
a baseline. It needs scikit-learn and matplotlib: `pip install -e '.[test]'`. The table
goes into `docs/recipes/index.md`. A support vector machine that was fitted to real
images also classifies those that are generated for labels.
"""

import argparse
import os
import runpy
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.svm import SVC

from scaffold import Spec, render
from scaffold.recipe_options import own_options
from scaffold.recipes import recipe_names

CONDITIONAL = " --conditional"


def run(name: str, seed: int, folder: str) -> tuple[dict[str, float], float]:
    """Runs the main block of a recipe, with or without labels.

    Returns:
        A tuple `(results, seconds)`: the results by name, the recipe's own first, and
        the time.
    """
    conditional = {"conditional": True} if name.endswith(CONDITIONAL) else {}
    [file] = render(Spec(recipe=name.removesuffix(CONDITIONAL), **conditional))
    assert "    seed = 0\n" in file.text
    path = os.path.join(folder, "recipe.py")
    with open(path, "w", encoding="utf-8") as out:
        out.write(file.text.replace("    seed = 0\n", f"    seed = {seed}\n"))
    keras.utils.clear_session()
    start = time.perf_counter()
    ran = runpy.run_path(path, run_name="__main__")
    seconds = time.perf_counter() - start
    if conditional:
        return {**ran["results"], **accuracies(ran)}, seconds
    return ran["results"], seconds


def accuracies(ran: dict) -> dict[str, float]:
    """Returns how often a classifier of real images sees the label of an image."""

    def flat(images):
        return np.reshape(images, (len(images), -1))

    classifier = SVC().fit(flat(ran["train"]), ran["train_labels"])
    return {
        f"accuracy on {name}": classifier.score(flat(images), ran["test_labels"])
        for name, images in (
            ("generated digits", ran["generated"]),
            ("real digits", ran["test"]),
        )
    }


def main() -> None:
    """Prints the mean and the standard deviation of each result."""
    known = []
    for recipe in recipe_names():
        if "seed = 0\n" in render(Spec(recipe=recipe))[0].text:
            known.append(recipe)
            if "conditional" in [option.name for option in own_options(recipe)]:
                known.append(recipe + CONDITIONAL)
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
