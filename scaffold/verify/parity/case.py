"""A parity case: one Keras feature, as data."""

from collections.abc import Callable
from dataclasses import dataclass

from .batches import FEATURES, regression
from .layers import plain, stateful


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
        policy: The dtype policy of the layers.
        distribution: Makes the `keras.distribution` to train under.
        weighted: Whether the model gets sample weights.
        needs: The kind of targets that the case needs, or an empty string.
        owned: Whether a class with its own loss or metrics can run the case.
        draws: Whether the order of the batches depends on how many Keras has read.
        input_shape: The shape of a sample.
        input_dtype: The dtype of the inputs.
        includes: Simpler cases whose features this case has as well.
        training_finding: What differing weights show, as a key of `causes.toml`. Empty
            to decide by the group.
        report_finding: Likewise, what differing reports show.
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
    policy: str = "float32"
    distribution: Callable | None = None
    weighted: bool = False
    needs: str = ""
    owned: bool = True
    draws: bool = False
    input_shape: tuple = (FEATURES,)
    input_dtype: str = "float32"
    includes: tuple[str, ...] = ()
    training_finding: str = ""
    report_finding: str = ""
    quick: bool = False

    @property
    def plain(self) -> bool:
        """Whether the loss of `compile()` is its only loss."""
        return self.layers is plain and not self.graph and not self.mixin

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The names of the simpler cases whose features this case has as well."""
        names = ("sample_weight",) if self.weighted else ()
        if self.layers is stateful:
            names += STATEFUL
        names += self.includes
        return tuple(name for name in names if name != self.name)


#: The cases whose features `stateful()` layers have.
STATEFUL = (
    "weight regularizers",
    "activity regularizer",
    "batch normalization",
    "dropout",
)
