"""Checks invariants that every training step must satisfy.

They need no reference, so they also apply to algorithms that `keras.Model` lacks.

- `invariant.py` defines an invariant; `invariant_list.py` lists them.
- `step_checks.py` inspects the traced step; `training_checks.py` trains small models.
- `model_factory.py` builds the models; `step_trace.py` traces a step to its jaxpr.
"""
