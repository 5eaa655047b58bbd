"""Checks the output of `--json` against the JSON schemas of the package."""

import json
from functools import cache

import jsonschema
from generated_docs import SCHEMAS


def parsed(printed: str, schema: str) -> dict:
    """Parses a JSON output, and checks that it fits a schema, which it must name.

    Args:
        printed: What the command printed.
        schema: The name of the schema, such as `list-1`.
    """
    data = json.loads(printed)

    assert f"schemas/{schema}.json" == data["$schema"]
    strict(schema).validate(data)
    return data


@cache
def strict(schema: str) -> jsonschema.Draft202012Validator:
    """Returns a validator that also refuses keys that the schema does not describe.

    Programs should ignore such keys, so that a later version can add them.
    """
    content = json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(_closed(content))


def _closed(schema):
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    # A property can be named `properties`, but is then a schema, not a dict of them.
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
