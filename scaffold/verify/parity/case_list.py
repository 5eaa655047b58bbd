"""Every parity case. `groups/` has a module for each group of them."""

from .groups import (
    callbacks,
    data,
    distribution,
    execution,
    losses,
    metrics,
    optimizers,
    outputs,
    own_models,
    precision,
    saving,
    state,
    weights,
)

CASES = (
    *losses.CASES,
    *metrics.CASES,
    *weights.CASES,
    *outputs.CASES,
    *state.CASES,
    *precision.CASES,
    *optimizers.CASES,
    *data.CASES,
    *callbacks.CASES,
    *execution.CASES,
    *distribution.CASES,
    *saving.CASES,
    *own_models.CASES,
)
