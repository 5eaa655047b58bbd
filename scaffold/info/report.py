"""Reports the installation and the contents of a folder to people."""

import os


def as_text(data: dict) -> str:
    """Returns the text for standard output.

    Args:
        data: What `--json` prints.
    """
    return "\n".join([*_installation(data), "", *_contents(data)]) + "\n"


def _installation(data: dict) -> list[str]:
    rows = {"kscaffold": data["version"], "python": data["python"], **data["packages"]}
    rows["backend"] = _backend(data["backend"])
    rows["devices"] = data["devices_error"]
    if data["devices"] is not None:
        rows["devices"] = ", ".join(
            f"{one['count']} {one['platform']} ({one['kind']})"
            for one in data["devices"]
        )
    width = max(map(len, rows))
    return [f"{name:<{width}}  {row or 'not installed'}" for name, row in rows.items()]


def _backend(selected: str | None) -> str:
    if selected is None:
        return "jax (KERAS_BACKEND is not set)"
    if selected == "jax":
        return "jax"
    return f"{selected} (KERAS_BACKEND; generated files and verify need jax)"


def _contents(data: dict) -> list[str]:
    if not data["generated"]:
        what = (
            "generated nothing in" if os.path.isdir(data["path"]) else "did not write"
        )
        return [f"kscaffold {what} {data['path']}"]
    lines = []
    for one in data["generated"]:
        if one["kind"] is None:
            lines.append(f"Error: {_state(one)}")
            continue
        about = ", ".join(filter(None, [one["kind"], one["version"]]))
        lines.append(f"{one['target']} ({about}): {_state(one)}")
        lines += [f"  {one['command']}"] if one["command"] else []
    return lines


def _state(one: dict) -> str:
    if one["error"]:
        return f"{one['error']['message']} {one['error']['hint']}".rstrip()
    if one["update"]:
        return f"an update waits, {one['update']}"
    return "up to date"
