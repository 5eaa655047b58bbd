"""Finds losses and metrics by their names in Keras, and lists the names of a model."""

from .errors import SpecError
from .keras_metrics import METRICS, NOT_COMPARING
from .suggestions import did_you_mean

#: The public attributes of `keras.Model` in lower case, which a subclass must not hide.
MODEL_NAMES = frozenset("""
    activity_regularizer add_loss add_metric add_variable add_weight autocast build
    build_from_config built call call_signature_parameters compile
    compile_from_config compiled compute_dtype compute_loss compute_loss_and_updates
    compute_mask compute_metrics compute_output_shape compute_output_spec
    count_params dtype dtype_policy evaluate export fit from_config get_build_config
    get_compile_config get_config get_layer get_metrics_result
    get_quantization_layer_structure get_state_tree get_weights input input_dtype
    input_spec jax_state_sync jit_compile layers load_own_variables load_weights
    loss losses make_predict_function make_test_function make_train_function metrics
    metrics_names metrics_variables name non_trainable_variables
    non_trainable_weights optimizer output path predict predict_function
    predict_on_batch predict_step quantization_mode quantize quantized_build
    quantized_call rematerialized_call reset_metrics run_eagerly save
    save_own_variables save_weights set_state_tree set_weights stateless_call
    stateless_compute_loss steps_per_execution stop_training summary supports_jit
    supports_masking symbolic_call test_function test_on_batch test_step to_json
    train_function train_on_batch train_step trainable trainable_variables
    trainable_weights variable_dtype variables weights
    """.split())


def find(table: tuple, name: str, kind: str) -> tuple:
    """Finds a loss or a metric by the name of its class or by an alias.

    Args:
        table: `LOSSES` or `METRICS`.
        name: The name that the user typed, such as `MeanAbsoluteError`, `mae` or `MAE`.
        kind: "loss" or "metric", for the error message.

    Returns:
        A tuple `(entry, alias)`: the entry of the table, and its name in the logs.

    Raises:
        SpecError: If the table has no such name.
    """
    for entry in table:
        if name == entry.name:
            return entry, entry.aliases[0]
        if name.lower() in entry.aliases:
            return entry, name.lower()
    if "," in name:
        words = " ".join(f"--{kind} {word.strip()}" for word in name.split(","))
        hint = f"Repeat the option: {words}." if kind == "metric" else "Name one."
    elif name in NOT_COMPARING and table is METRICS:
        hint = (
            f"{name} does not compare y_true with y_pred. Add it to the generated file."
        )
    else:
        # Keras resolves these two by the targets. `objective.py` does it by the task.
        by_targets = {"loss": "crossentropy", "metric": "accuracy"}[kind]
        words = [*known_names(table), by_targets]
        hint = did_you_mean(name, words, f"`kscaffold list` lists every {kind}.")
    raise SpecError(f"Keras has no {kind} {name!r} that kscaffold can generate.", hint)


def known_names(table: tuple) -> tuple[str, ...]:
    """Lists the names of the losses or metrics in a table, aliases included."""
    return tuple(name for entry in table for name in (*entry.aliases, entry.name))
