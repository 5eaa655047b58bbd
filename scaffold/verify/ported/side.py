"""The child process of one side: the port on JAX, or the original on its backend."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from ...errors import KscaffoldError
from ..build_function import find_function
from ..class_in_file import find_class
from ..request import VerifyError
from ..verdict import describe, raised
from . import exchange, recording
from .check_list import EVALUATION, RESULTS, TRAIN_STEPS, results_file
from .direct_draws import DirectDraws
from .random_stream import RandomStream, install
from .tolerance import CONTROLS, perturbed, spread
from .weights import Weights

#: The file of the shared folder from which both sides start.
START = "start.npz"


#: How often the original looks for the port's weights, in seconds.
INTERVAL = 0.05


def serve(request: dict, answer: Callable) -> None:
    """Runs a side, and writes its results.

    Args:
        request: A dict of `side`, `folder`, `path`, `class_name`, `build` and
            `batch_size`.
        answer: Takes the answers of this process.
    """
    is_port = request["side"] == "port"
    try:
        side = (_Port if is_port else _Original)(request, answer)
        exchange.write(results_file(request["folder"], request["side"]), side.results())
    except KscaffoldError as error:
        answer(error=error.message, hint=error.hint, code=error.code)
    except _TrainingError as failure:
        error = failure.__cause__
        if is_port:
            answer(verdict=asdict(raised(TRAIN_STEPS, error)))
            return
        answer(
            error=f"The original fails in fit(): {describe(error)}.",
            hint="Make it train with run_eagerly=True on its own backend first.",
        )
    except BaseException as error:  # such as the SystemExit of sys.exit()
        answer(
            error=f"Running the {request['side']} raises {describe(error)}.",
            hint="Call the function that builds it in Python to see the traceback.",
        )
    else:
        answer(begins=RESULTS)


class _TrainingError(Exception):
    """A training step failed. The cause is its error."""


@dataclass
class _Start:
    """The weights and the batches from which both sides start."""

    entries: list
    weights: list
    data: tuple


class _Side:
    """What both sides have in common: they train and evaluate from one start."""

    def __init__(self, request: dict, answer: Callable):
        """Builds the model, and gets the start of both sides."""
        self.rows, self.answer = request["batch_size"], answer
        self.folder = Path(request["folder"])
        self.stream = RandomStream()
        # Before the files are imported: they may import single functions.
        self.direct = DirectDraws(self.stream)
        install(self.stream)
        keras.random.normal((1,))  # makes Keras's own seed generator
        self.make = self.builder(request)
        self.start = self.get_start()

    def model(self, values: list | None = None) -> tuple:
        """Returns a new model that starts as the other side does, and its weights."""
        keras.utils.set_random_seed(3)
        model, _ = self.make()
        model.run_eagerly, model.jit_compile = True, False
        model.steps_per_execution = 1
        weights = Weights(model)
        weights.arrange_like(self.start.entries)
        weights.assign(self.start.weights if values is None else values)
        return model, weights

    def run(self, values: list | None = None) -> dict:
        """Evaluates, trains and evaluates.

        Args:
            values: Other weights to start from.
        """
        common = self.start.data, self.rows, self.stream, self.direct
        model, _ = self.model(values)
        self.answer(begins=EVALUATION.name)
        found = {"evaluated": self.evaluation(model, recording.START, *common)}
        model, weights = self.model(values)
        self.answer(begins=TRAIN_STEPS.name)
        try:
            found |= recording.train(model, weights, *common)
        except Exception as error:
            raise _TrainingError from error
        self.answer(begins=EVALUATION.name)
        found["evaluated at the end"] = self.evaluation(model, recording.END, *common)
        return found

    def evaluation(self, model, phase: int, *common) -> dict:
        """Evaluates a model. Many training steps come without a `test_step()`."""
        try:
            return recording.evaluate(model, phase, *common)
        except Exception as error:
            return {"error": describe(error)}

    def results(self) -> dict:
        """Returns what is compared."""
        return self.run() | {
            "entries": self.start.entries,
            "start": self.start.weights,
        }


class _Port(_Side):
    """The port, on JAX. Its weights and its data are the start of both sides."""

    def builder(self, request: dict) -> Callable:
        """Returns the function that builds the model and its data."""
        tested = find_class(
            os.path.abspath(request["path"]),
            request["class_name"],
            request["loss"],
            tuple(request["metrics"]),
            request["build"],
            self.rows,
        )
        if tested.build is None:
            raise VerifyError(
                "--against-backend needs a function that builds the model.",
                "Name one: --build FILE:FUNCTION.",
                code="build-missing",
            )
        return tested.build

    def get_start(self) -> _Start:
        """Builds a model, and writes its weights and its data for the original."""
        keras.utils.set_random_seed(3)
        model, data = self.make()
        weights = Weights(model)
        start = _Start(weights.entries, weights.values(), data)
        try:
            exchange.write(self.folder / START, vars(start))
        except TypeError as error:
            raise VerifyError(
                f"The data of --build hold {error}.",
                "Return arrays of numbers or of strings.",
                code="build-invalid",
            ) from error
        return start

    def results(self) -> dict:
        """Returns what is compared, and how much rounding changes it."""
        # The file may use jit() and scan(), in which numbers would be constants.
        import jax

        with jax.disable_jit():
            model, _ = self.model()
            exact = super().results()
            values = [perturbed(model, self.start.weights, n) for n in range(CONTROLS)]
            return exact | {"control": spread(exact, map(self.run, values))}


class _Original(_Side):
    """The original, on its own backend."""

    def builder(self, request: dict) -> Callable:
        """Returns the function that builds the model. Its data are not used."""
        function, name = find_function(request["build"]), request["class_name"]

        def make() -> tuple:
            result = function()
            model = result[0] if isinstance(result, tuple) else result
            what = f"{request['build']} returns "
            if not isinstance(model, keras.Model):
                raise VerifyError(
                    f"{what}a {type(model).__name__}, not a keras.Model.",
                    "Return a compiled model, or (model, data).",
                    code="build-invalid",
                )
            if name and name not in [base.__name__ for base in type(model).__mro__]:
                raise VerifyError(
                    f"{what}a {type(model).__name__}, not a {name}.",
                    "Name another class or another function.",
                    code="build-invalid",
                )
            if not model.compiled:
                raise VerifyError(
                    f"{what}a model that is not compiled.",
                    "Call its compile().",
                    code="build-invalid",
                )
            return model, None

        return make

    def get_start(self) -> _Start:
        """Waits for the weights and the data of the port."""
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # In functions of tf.function(), numbers would be constants.
            tf.config.run_functions_eagerly(True)
        self.make()  # what fails here fails before the port is ready
        while not (self.folder / START).exists():
            time.sleep(INTERVAL)
        start = _Start(**exchange.read(self.folder / START))
        weights = Weights(self.make()[0])
        weights.arrange_like(start.entries)
        return start
