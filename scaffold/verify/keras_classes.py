"""Tells model classes from Keras's own, and undoes how Keras rewrites their bases."""

import inspect

import keras


def restore_bases(cls: type) -> type:
    """Gives a class the bases back that its class statement names.

    If a class is called as `cls(inputs, outputs)`, Keras replaces `keras.Model` in its
    bases by its functional model. The class can then not be subclassed as before. The
    file may call it when it is imported, so importing it again would not help.

    Models of the class that exist need these bases. They work again as soon as the next
    model of the class is built from inputs and outputs.
    """
    if not is_model(cls):
        return cls
    bases = tuple(
        keras.Model if base.__name__ == "Functional" and is_of_keras(base) else base
        for base in map(restore_bases, cls.__bases__)
    )
    if bases != cls.__bases__:
        cls.__bases__ = bases
    return cls


def is_model(value) -> bool:
    """Returns whether a value is a model class that Keras does not define itself."""
    return (
        inspect.isclass(value)
        and issubclass(value, keras.Model)
        and not is_of_keras(value)
    )


def is_of_keras(cls: type) -> bool:
    """Returns whether Keras itself defines a class."""
    return cls.__module__.split(".")[0] == "keras"
