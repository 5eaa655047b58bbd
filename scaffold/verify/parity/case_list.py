"""The features of Keras that a generated class must have: each is one `Case`."""

import keras
from keras import layers

from . import data, training
from . import layers as models
from .case import FEATURES, Batch, Case, head, regression

CASES = (
    Case("plain", "losses", quick=True),
    Case(
        "weight regularizers",
        "losses",
        layers=lambda: [
            layers.Dense(6, kernel_regularizer="l2", bias_regularizer="l1"),
            head(kernel_regularizer="l1l2"),
        ],
    ),
    Case(
        "activity regularizer",
        "losses",
        layers=lambda: [layers.Dense(6, activity_regularizer="l2"), head()],
    ),
    Case("all kinds of losses", "losses", layers=models.stateful, quick=True),
    Case(
        "layer called twice",
        "losses",
        graph=models.shared_layer,
        cause="The step runs self(x), but Keras's trainer runs stateless_call(): they "
        "can differ in what a layer that is called twice adds to the losses.",
        fix="Run self.stateless_call(trainable_variables, non_trainable_variables, x).",
    ),
    Case("add_loss in a layer", "losses", layers=models.with_layer(models.AddsLoss)),
    Case("add_loss in the model", "losses", mixin=models.ModelAddsLoss),
    Case(
        "add_loss without targets",
        "losses",
        mixin=models.OnlyAddsLoss,
        layers=lambda: [layers.Dense(3), layers.Dense(FEATURES)],
        data=lambda: Batch(regression().x),
        losses=dict,
        owned=False,
    ),
    Case("overridden compute_loss", "losses", mixin=models.OverridesLoss),
    Case(
        "overridden compute_loss without training",
        "losses",
        mixin=models.OverridesLossOldStyle,
    ),
    Case(
        "overridden compute_metrics",
        "losses",
        mixin=models.OverridesMetrics,
        quick=True,
    ),
    Case(
        "classes",
        "losses",
        layers=lambda: [layers.Dense(6), head()],
        needs="sparse",
    ),
    Case("sample_weight", "weights", data=data.weighted, weighted=True),
    Case(
        "sample_weight with regularizers",
        "weights",
        layers=models.stateful,
        data=data.weighted,
        weighted=True,
        quick=True,
    ),
    Case(
        "class_weight",
        "weights",
        layers=lambda: [layers.Dense(6), head()],
        needs="sparse",
        fit=lambda: {"class_weight": {0: 0.3, 1: 2.0, 2: 1.0}},
        weighted=True,
    ),
    Case(
        "metrics and weighted_metrics",
        "weights",
        data=data.weighted,
        weighted=True,
        owned=False,
        losses=lambda: {
            "loss": "mse",
            "metrics": ["mae"],
            "weighted_metrics": ["mape", "mse"],
        },
    ),
    Case(
        "weights in a generator",
        "weights",
        weighted=True,
        fit=data.from_data(lambda: data.generator(True), steps_per_epoch=4),
    ),
    Case(
        "weighted validation data",
        "weights",
        data=data.weighted,
        weighted=True,
        fit=lambda: {"validation_data": data.validation(True)},
    ),
    Case(
        "outputs in a dict",
        "outputs",
        graph=models.two_outputs(True),
        data=data.two_targets(True),
        losses=data.two_losses(True),
        owned=False,
        quick=True,
    ),
    Case(
        "outputs in a list",
        "outputs",
        graph=models.two_outputs(False),
        data=data.two_targets(False),
        losses=data.two_losses(False),
        owned=False,
    ),
    Case(
        "weights per output in a dict",
        "outputs",
        graph=models.two_outputs(True),
        data=data.two_targets(True, True),
        losses=data.two_losses(True, True),
        owned=False,
        weighted=True,
    ),
    Case(
        "weights per output in a list",
        "outputs",
        graph=models.two_outputs(False),
        data=data.two_targets(False, True),
        losses=data.two_losses(False, True),
        owned=False,
        weighted=True,
    ),
    Case(
        "batch normalization",
        "state",
        layers=models.with_layer(layers.BatchNormalization),
    ),
    Case(
        "dropout",
        "state",
        layers=models.with_layer(lambda: layers.Dropout(0.5, seed=1)),
    ),
    Case(
        "dropout without a seed",
        "state",
        layers=models.with_layer(lambda: layers.Dropout(0.5)),
    ),
    Case(
        "noise",
        "state",
        layers=models.with_layer(
            lambda: layers.GaussianNoise(0.3, seed=1),
            lambda: layers.GaussianDropout(0.2, seed=2),
        ),
    ),
    Case(
        "spectral normalization",
        "state",
        layers=lambda: [layers.SpectralNormalization(layers.Dense(6)), head()],
    ),
    Case("a counter", "state", layers=models.with_layer(models.Counts)),
    Case("frozen layers", "state", layers=models.frozen),
    Case("a model in the model", "state", graph=models.residual),
    Case(
        "call without training",
        "state",
        mixin=models.NoTraining,
        layers=models.stateful,
        quick=True,
    ),
    Case("mixed_float16", "precision", policy="mixed_float16", layers=models.stateful),
    Case(
        "mixed_float16 with SGD",
        "precision",
        policy="mixed_float16",
        compile=training.sgd(),
        quick=True,
    ),
    Case(
        "mixed_float16 with overflow",
        "precision",
        policy="mixed_float16",
        compile=training.large_scale,
    ),
    Case(
        "mixed_float16 with weights",
        "precision",
        policy="mixed_float16",
        data=data.weighted,
        weighted=True,
    ),
    Case(
        "mixed_bfloat16", "precision", policy="mixed_bfloat16", layers=models.stateful
    ),
    Case(
        "SGD with momentum",
        "optimizers",
        compile=training.sgd(momentum=0.9, nesterov=True),
    ),
    Case(
        "weight decay",
        "optimizers",
        compile=lambda: {"optimizer": keras.optimizers.AdamW(0.01, weight_decay=0.1)},
    ),
    Case(
        "moving average of the weights",
        "optimizers",
        compile=training.adam(use_ema=True, ema_momentum=0.8),
        after=training.unshare,
    ),
    Case(
        "moving average that overwrites",
        "optimizers",
        compile=training.adam(use_ema=True, ema_overwrite_frequency=3),
        after=training.unshare,
    ),
    Case(
        "gradient accumulation",
        "optimizers",
        compile=training.adam(gradient_accumulation_steps=3),
    ),
    Case("clipnorm", "optimizers", compile=training.sgd(clipnorm=0.1)),
    Case("global_clipnorm", "optimizers", compile=training.sgd(global_clipnorm=0.1)),
    Case("clipvalue", "optimizers", compile=training.sgd(clipvalue=0.01)),
    Case("learning rate schedule", "optimizers", compile=training.schedule),
    Case("dict inputs", "data", graph=models.two_inputs, data=data.dict_inputs),
    Case("sparse inputs", "data", graph=models.sparse_input, data=data.sparse),
    Case(
        "masks",
        "data",
        layers=models.tagger,
        data=data.words,
        needs="sparse",
        input_shape=(6,),
        input_dtype="int32",
    ),
    Case("PyDataset", "data", fit=data.from_data(data.Rows)),
    Case(
        "PyDataset with weights",
        "data",
        fit=data.from_data(lambda: data.Rows(True)),
        weighted=True,
    ),
    Case("generator", "data", fit=data.from_data(data.generator, steps_per_epoch=4)),
    Case(
        "arrays on the device",
        "data",
        data=lambda: Batch(
            *(keras.ops.convert_to_tensor(a) for a in (regression().x, regression().y))
        ),
    ),
    Case("shuffling", "data", fit=lambda: {"shuffle": True}, draws=True),
    Case(
        "train_on_batch",
        "data",
        layers=models.stateful,
        train=training.on_batch,
        quick=True,
    ),
    Case(
        "train_on_batch with weights",
        "data",
        layers=models.stateful,
        train=training.on_batch,
        data=data.weighted,
        weighted=True,
    ),
    Case(
        "validation_data",
        "callbacks",
        layers=models.stateful,
        fit=lambda: {"validation_data": data.validation()},
        quick=True,
    ),
    Case(
        "a callback that reads the weights",
        "callbacks",
        layers=models.stateful,
        fit=lambda: {
            "callbacks": [training.ReadsWeights()],
            "validation_data": data.validation(),
        },
    ),
    Case(
        "a callback that writes the weights",
        "callbacks",
        layers=models.stateful,
        fit=lambda: {
            "callbacks": [training.WritesWeights()],
            "validation_data": data.validation(),
        },
    ),
    Case(
        "a callback that restores the weights",
        "callbacks",
        layers=models.stateful,
        fit=lambda: {
            "callbacks": [training.RestoresWeights()],
            "validation_data": data.validation(),
        },
    ),
    Case(
        "EarlyStopping",
        "callbacks",
        fit=lambda: {
            "callbacks": [
                keras.callbacks.EarlyStopping(
                    "val_loss", patience=0, min_delta=10.0, restore_best_weights=True
                )
            ],
            "validation_data": data.validation(),
        },
    ),
    Case(
        "ReduceLROnPlateau",
        "callbacks",
        fit=lambda: {
            "callbacks": [
                keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100.0)
            ]
        },
    ),
    Case("training twice", "callbacks", layers=models.stateful, train=training.twice),
    Case(
        "steps_per_execution",
        "execution",
        layers=models.stateful,
        compile=lambda: {"steps_per_execution": 3},
    ),
    Case(
        "steps_per_execution, shuffled",
        "execution",
        fit=lambda: {"shuffle": True},
        compile=lambda: {"steps_per_execution": 2},
        draws=True,
    ),
    Case(
        "run_eagerly",
        "execution",
        layers=models.stateful,
        compile=lambda: {"run_eagerly": True},
    ),
    Case(
        "jit_compile=False",
        "execution",
        layers=models.stateful,
        compile=lambda: {"jit_compile": False},
    ),
    Case("steps_per_epoch", "execution", fit=lambda: {"steps_per_epoch": 2}),
    Case(
        "DataParallel",
        "distribution",
        layers=models.stateful,
        distribution=training.data_parallel,
        quick=True,
    ),
    Case(
        "DataParallel with weights",
        "distribution",
        layers=models.stateful,
        distribution=training.data_parallel,
        data=data.weighted,
        weighted=True,
    ),
    Case(
        "ModelParallel",
        "distribution",
        layers=models.wide,
        distribution=training.model_parallel,
        data=lambda: regression(targets=2),
        needs="real",
    ),
    Case(
        "save, load and train on",
        "saving",
        layers=lambda: [
            layers.Dense(6, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            head(),
        ],
        train=training.saved,
    ),
)
