"""Cases of how Keras executes the steps."""

from ..case import Case
from ..layers import stateful

CASES = (
    Case(
        "steps_per_execution",
        "execution",
        layers=stateful,
        compile=lambda: {"steps_per_execution": 3},
    ),
    Case(
        "steps_per_execution with shuffling",
        "execution",
        fit=lambda: {"shuffle": True},
        compile=lambda: {"steps_per_execution": 2},
        draws=True,
    ),
    Case(
        "run_eagerly",
        "execution",
        layers=stateful,
        compile=lambda: {"run_eagerly": True},
    ),
    Case(
        "jit_compile=False",
        "execution",
        layers=stateful,
        compile=lambda: {"jit_compile": False},
    ),
    Case("steps_per_epoch", "execution", fit=lambda: {"steps_per_epoch": 2}),
)
