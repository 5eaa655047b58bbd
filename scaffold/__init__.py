"""kscaffold writes custom training steps for Keras on JAX, as plain source.

Example:
    ```python
    import scaffold

    spec = scaffold.Spec(manual_metrics=True)
    files = scaffold.render(spec, "custom_model.py")
    scaffold.write(files)
    ```
"""

__version__ = "0.3.0"
__all__ = ["KscaffoldError", "RenderedFile", "Spec", "render", "write"]

_HOMES = {
    "KscaffoldError": "errors",
    "RenderedFile": "rendering",
    "Spec": "spec",
    "render": "rendering",
    "write": "writing",
}


def __getattr__(name: str):
    """Imports a public name when it is first used. `--help` does not need Jinja2."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
