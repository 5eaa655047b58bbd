"""Proves a training step: against `keras.Model`'s own trainer, and by its contract.

`runner.verify()` does it in child processes; `harness.check()` and `contract.check()`
do one thing of it in this one. These modules alone import Keras and JAX.
"""
