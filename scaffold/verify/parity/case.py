"""A parity case: one Keras feature, as data."""

from collections.abc import Callable
from dataclasses import dataclass

from .batches import FEATURES, regression
from .layers import plain


@dataclass(frozen=True)
class Case:
    """A Keras feature, as a model, a `compile()` call, a `fit()` call and data.

    Attributes:
        name: The feature.
        group: The part of Keras that it belongs to.
        layers: Makes the layers of a sequential model.
        graph: Makes `(inputs, outputs)` of a model that is not sequential.
        mixin: A class with methods for the model. Its layers are `self.net`.
        compile: Makes the arguments of `compile()` except the loss and the metrics.
        losses: Makes the loss and the metrics for `compile()`. `None` takes the ones
            of the class under test.
        data: Makes the data.
        fit: Makes more arguments of `fit()`. An `x` replaces the data.
        train: Trains instead of `fit()`, and returns what to compare.
        after: Called with the model between `fit()` and `evaluate()`.
        evaluate: Whether to evaluate and predict after training.
        prepare: Called with the compiled model before training.
        policy: The dtype policy of the layers.
        distribution: Makes the `keras.distribution` to train under.
        weighted: Whether the model gets sample weights.
        needs: The kind of targets that the case needs, or an empty string.
        owned: Whether a class with its own loss or metrics can run the case.
        draws: Whether the order of the batches depends on how many Keras has read.
        input_shape: The shape of a sample.
        input_dtype: The dtype of the inputs.
        scales_loss: Whether the optimizer scales the loss.
        built: Whether it trains a model of `--build`, with the data of the model.
        full: Whether all batches of these data are full.
        quick: Whether `--quick` runs it.
    """

    name: str
    group: str
    layers: Callable = plain
    graph: Callable | None = None
    mixin: type | None = None
    compile: Callable = dict
    losses: Callable | None = None
    data: Callable = regression
    fit: Callable = dict
    train: Callable | None = None
    after: Callable = lambda model: None
    evaluate: bool = True
    prepare: Callable = lambda model: None
    policy: str = "float32"
    distribution: Callable | None = None
    weighted: bool = False
    needs: str = ""
    owned: bool = True
    draws: bool = False
    input_shape: tuple = (FEATURES,)
    input_dtype: str = "float32"
    scales_loss: bool = False
    built: bool = False
    full: bool = False
    quick: bool = False
