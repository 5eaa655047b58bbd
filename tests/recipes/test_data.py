"""The data that people have: forms of labels, data sets, and what cannot be right."""

import inspect

import grain
import keras
import numpy as np
import pytest
from loops import assert_same, load, values

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(32, 8, 8, 1)).astype("float32")
LABELS = RNG.integers(10, size=32)
ONE_HOT = np.eye(10, dtype="float32")[LABELS]
BOTH = {"labelled": IMAGES, "unlabelled": IMAGES}

LABELLED = [("gan", {"conditional": True}), ("distillation", {})]
STREAMS = [("simclr", {}), ("mean-teacher", {})]
UNLABELLED = [("gan", {}), ("wgan-gp", {}), ("vae", {}), ("diffusion", {})]


def built(recipe, options):
    """Builds a recipe's model; each has the same weights."""
    keras.utils.set_random_seed(1)
    return load(recipe, **options).build_model()


def trained(recipe, options, *data, **settings):
    """Trains a model for an epoch, in the order of the data."""
    model = built(recipe, options)
    settings = {"batch_size": 8, "shuffle": False, "verbose": 0, **settings}
    logs = model.fit(*data, **settings).history
    assert all(np.isfinite(numbers).all() for numbers in logs.values())
    return model


class Batches(keras.utils.PyDataset):
    """A data set of four batches."""

    def __init__(self, make):
        """Keeps the function that makes a batch of some rows."""
        super().__init__()
        self.make = make

    def __len__(self):
        """The number of batches."""
        return 4

    def __getitem__(self, index):
        """Returns a batch."""
        return self.make(slice(8 * index, 8 * index + 8))


def generator(make):
    """Yields four batches again and again."""
    while True:
        for index in range(4):
            yield make(slice(8 * index, 8 * index + 8))


#: Forms of the same images and labels, and settings of `fit()`.
FORMS = {
    "one-hot labels": ((IMAGES, ONE_HOT), {}),
    "a column of labels": ((IMAGES, LABELS[:, None]), {}),
    "labels as floats": ((IMAGES, LABELS.astype("float32")), {}),
    "a tuple": (((IMAGES, LABELS),), {}),
    "a list": (([IMAGES, LABELS],), {}),
    "a dict": (({"images": IMAGES, "labels": LABELS},), {}),
    "a dict of one image and label": (({"image": IMAGES, "label": ONE_HOT},), {}),
    "a data set": ((Batches(lambda rows: (IMAGES[rows], LABELS[rows])),), {}),
    "a data set of dicts": (
        (Batches(lambda rows: ({"images": IMAGES[rows], "labels": LABELS[rows]},)),),
        {},
    ),
    "a generator": (
        (generator(lambda rows: (IMAGES[rows], ONE_HOT[rows])),),
        {"steps_per_epoch": 4},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("recipe", "options"), LABELLED)
def test_forms_of_labels(recipe, options, form):
    """Every form of the same data trains the same weights."""
    data, settings = FORMS[form]
    if len(data) == 1 and not isinstance(data[0], (tuple, list, dict)):
        settings = {**settings, "batch_size": None}
    expected = trained(recipe, options, IMAGES, LABELS)
    found = trained(recipe, options, *data, **settings)

    assert_same(values(expected.variables), values(found.variables))


@pytest.mark.parametrize(("recipe", "options"), UNLABELLED)
def test_labels_are_not_used(recipe, options):
    """Data sets of images and labels train models that need images alone."""
    expected = trained(recipe, options, IMAGES)
    for data in ((IMAGES, LABELS), ((IMAGES, LABELS),), ({"image": IMAGES},)):
        found = trained(recipe, options, *data)
        assert_same(values(expected.variables), values(found.variables))


#: What a row of a Grain data set can be.
ROWS = {
    "a tuple": lambda row: (IMAGES[row], LABELS[row]),
    "one-hot labels": lambda row: (IMAGES[row], ONE_HOT[row]),
    "a dict": lambda row: {"image": IMAGES[row], "label": LABELS[row]},
    "an image": lambda row: IMAGES[row],
}


@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize(
    ("recipe", "options"), [*LABELLED, *UNLABELLED, ("simclr", {})]
)
def test_grain(recipe, options, form):
    """Grain's data sets train the same weights as arrays."""
    data = grain.MapDataset.range(len(IMAGES)).map(ROWS[form]).batch(8)
    alone = (recipe, options) in UNLABELLED or form == "an image"
    if alone and (recipe, options) in LABELLED:
        with pytest.raises(ValueError, match="needs labels"):
            trained(recipe, options, data, batch_size=None)
        return
    expected = trained(recipe, options, *((IMAGES,) if alone else (IMAGES, LABELS)))
    found = trained(recipe, options, data, batch_size=None)

    assert_same(values(expected.variables), values(found.variables))


@pytest.mark.parametrize(("recipe", "options"), STREAMS)
def test_streams(recipe, options):
    """One-hot labels are the same, and streams can have batches of other sizes."""
    expected = trained(recipe, options, BOTH, LABELS)
    found = trained(recipe, options, BOTH, ONE_HOT)
    assert_same(values(expected.variables), values(found.variables))

    def uneven(rows):
        more = np.concatenate([IMAGES[rows]] * 3)
        return {"labelled": IMAGES[rows], "unlabelled": more}, LABELS[rows]

    model = trained(recipe, options, Batches(uneven), batch_size=None)
    results = [
        model.evaluate(*data, verbose=0)
        for data in ((IMAGES, LABELS), (IMAGES, ONE_HOT), (BOTH, LABELS))
    ]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_labels_without_streams(form):
    """SimCLR takes labelled images alone, in every form."""
    data, settings = FORMS[form]
    if len(data) == 1 and not isinstance(data[0], (tuple, list, dict)):
        settings = {**settings, "batch_size": None}
    expected = trained("simclr", {}, IMAGES, LABELS)
    found = trained("simclr", {}, *data, **settings)

    assert_same(values(expected.variables), values(found.variables))


def test_simclr_on_images_alone():
    """The encoder trains without labels; later, the probe trains alone."""
    model = built("simclr", {})
    probe, encoder = values(model.probe.weights), values(model.encoder.weights)
    logs = model.fit(IMAGES, batch_size=8, verbose=0).history
    assert {"contrastive_loss", "contrastive_accuracy"} == {*logs}
    assert_same(probe, values(model.probe.weights))
    moved = values(model.encoder.weights)
    assert not np.array_equal(encoder[0], moved[0])

    model.encoder.trainable = model.projection_head.trainable = False
    model.compile(probe_optimizer=keras.optimizers.Adam(0.01))
    logs = model.fit(IMAGES, LABELS, batch_size=8, epochs=3, verbose=0).history
    assert {"probe_loss", "probe_accuracy"} == {*logs}
    assert logs["probe_loss"][-1] < logs["probe_loss"][0]
    assert_same(moved, values(model.encoder.weights))


@pytest.mark.parametrize(("recipe", "options"), LABELLED + STREAMS + UNLABELLED)
def test_bytes_are_refused(recipe, options):
    """Images of bytes are refused with what to do, before the first step."""
    images = (255 * IMAGES).astype("uint8")
    data = (
        {"labelled": images, "unlabelled": images} if recipe in str(STREAMS) else images
    )
    with pytest.raises(ValueError, match="Divide bytes by 255|Rescale the images"):
        trained(recipe, options, data, LABELS)


@pytest.mark.parametrize(
    ("recipe", "data"),
    [
        ("gan", IMAGES),
        ("distillation", IMAGES),
        ("mean-teacher", BOTH),
        ("mean-teacher", IMAGES),
    ],
)
def test_missing_labels(recipe, data):
    """Labels that are missing are named."""
    options = {"conditional": True} if recipe == "gan" else {}
    with pytest.raises(ValueError, match="labels"):
        trained(recipe, options, data)
    with pytest.raises(ValueError, match="needs labels"):
        built(recipe, options).evaluate(data, verbose=0)


@pytest.mark.parametrize("recipe", ["vae", "diffusion"])
def test_range_of_pixels(recipe):
    """Pixels that the loss cannot have are refused, and the model is as before."""
    wrong = {
        "array": 2 * IMAGES - 1,
        "data set": Batches(lambda rows: (255 * IMAGES[rows],)),
        "dict": {"image": IMAGES + 0.2},
    }
    model = built(recipe, {})
    before = values(model.variables)
    for data in wrong.values():
        with pytest.raises(ValueError, match="Pixels must be from 0 to 1"):
            model.fit(data, verbose=0)
    assert_same(before, values(model.variables))
    right = Batches(lambda rows: (IMAGES[rows],))
    rows = generator(lambda rows: (IMAGES[rows],))
    for data in (IMAGES, right, keras.ops.convert_to_tensor(IMAGES)):
        model.fit(data, verbose=0)
    model.fit(rows, steps_per_epoch=2, verbose=0)


@pytest.mark.parametrize(("recipe", "options"), LABELLED + STREAMS + UNLABELLED)
def test_signature_of_fit(recipe, options):
    """Readers and editors see the arguments of Keras."""
    model = built(recipe, options)
    assert inspect.signature(model.fit) == inspect.signature(keras.Model().fit)


def dense(inputs, outputs, **settings):
    """Builds a network of one layer."""
    layers = [keras.Input(inputs), keras.layers.Flatten()]
    layers += [keras.layers.Dense(outputs, **settings)]
    return keras.Sequential(layers)


def test_networks_that_do_not_fit():
    """Networks are refused with what to do, before anything is compiled."""
    vae, gan, wgan, diffusion = (load(*recipe) for recipe in NAMES)
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    block = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    nested = keras.Sequential([keras.Input((3,)), block, keras.layers.Dense(1)])
    cases = [
        (lambda: vae.VAE(unbuilt, unbuilt), "Start it with keras.Input"),
        (lambda: vae.VAE(dense((4,), 16), dense((8,), 4), 4), "must return 8 numbers"),
        (
            lambda: vae.VAE(dense((4,), 16), dense((8,), 4, activation="sigmoid")),
            "must return logits",
        ),
        (lambda: gan.GAN(dense((16,), 4), dense((4,), 1)), "Pass latent_size=16"),
        (lambda: gan.GAN(unbuilt, dense((4,), 1)), "Start it with keras.Input"),
        (lambda: wgan.WGANGP(dense((32,), 3), nested), "BatchNormalization"),
        (lambda: wgan.WGANGP(dense((16,), 3), dense((3,), 1)), "Pass latent_size=16"),
        (lambda: diffusion.Diffusion(unbuilt), "starts with keras.Input"),
    ]
    for make, message in cases:
        with pytest.raises(ValueError, match=message):
            make()
    # A last layer of zeros returns logits of 0, which is right.
    vae.VAE(dense((4,), 16), dense((8,), 4, kernel_initializer="zeros"))


NAMES = [("vae",), ("gan",), ("wgan-gp",), ("diffusion",)]
