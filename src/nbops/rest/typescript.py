"""The API's types for the panel, written from its OpenAPI document.

Run ``python -m nbops.rest.typescript`` from the repository after changing a record, a verb or a route; it rewrites
``labextension/src/schema.ts``, which is committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbops.rest.news import CALL_ENDED, PROGRESS, SCHEMAS, STORE_CHANGED
from nbops.rest.openapi import openapi_document
from nbops.rest.routes import PREFIX

CURE = "python -m nbops.rest.typescript"
HEADER = f"// Written by `{CURE}` from the routes and records in Python; do not edit.\n\n"
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def typescript() -> str:
    """Write the types of every record and every route.

    Returns:
        The text of ``schema.ts``.
    """
    document = openapi_document()
    schemas = document["components"]["schemas"]
    parts = ["".join(_interface(name, schema)) for name, schema in sorted(schemas.items())]
    events = {"StoreChanged": STORE_CHANGED, "ProgressTold": PROGRESS, "CallEnded": CALL_ENDED}
    parts += [_interface_of_event(name, schema_id) for name, schema_id in events.items()]
    parts.append(_constants())
    parts.append(_routes(document["paths"]))
    return HEADER + "\n".join(parts)


def _interface(name: str, schema: dict[str, Any]) -> list[str]:
    required = set(schema.get("required", []))
    lines = [_comment(schema.get("description"), ""), f"export interface {name} {{\n"]
    for field, kind in schema.get("properties", {}).items():
        mark = "" if field in required else "?"
        lines.append(f"  {_key(field)}{mark}: {_type(kind)};\n")
    lines.append("}\n")
    return lines


def _interface_of_event(name: str, schema_id: str) -> str:
    schema = next(schema for schema in SCHEMAS if schema["$id"] == schema_id)
    return "".join(_interface(name, {**schema, "description": schema["title"] + "."}))


def _constants() -> str:
    return (
        f"export const API = {json.dumps(PREFIX)};\n"
        f"export const STORE_CHANGED = {json.dumps(STORE_CHANGED)};\n"
        f"export const PROGRESS = {json.dumps(PROGRESS)};\n"
        f"export const CALL_ENDED = {json.dumps(CALL_ENDED)};\n"
    )


def _routes(paths: dict[str, Any]) -> str:
    lines = ["/** Every route: what it takes and what it gives. */\nexport interface Routes {\n"]
    methods = [
        "/** The method of every route that changes something; of all others it is GET. */\n",
        "export const METHODS: { [name in keyof Routes]?: 'POST' | 'DELETE' } = {\n",
    ]
    for path, operations in paths.items():
        name = path.removeprefix(f"/{PREFIX}/")
        for method, operation in operations.items():
            lines.append(f"  {_comment(operation['summary'], '  ').lstrip()}")
            lines.append(f"  {_key(name)}: {{ takes: {_takes(operation)}; gives: {_gives(operation)} }};\n")
            if method != "get":  # a closed panel loads this table: what most of it says is left out
                methods.append(f"  {_key(name)}: '{method.upper()}',\n")
    methods[-1] = methods[-1].replace(",\n", "\n")
    return "".join([*lines, "}\n\n", *methods, "};\n"])


def _takes(operation: dict[str, Any]) -> str:
    body = operation.get("requestBody")
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        fields = [(name, kind, name in schema["required"]) for name, kind in schema["properties"].items()]
    else:
        given = [parameter for parameter in operation.get("parameters", []) if parameter["name"] != "project"]
        fields = [(parameter["name"], parameter["schema"], parameter["required"]) for parameter in given]
    if not fields:
        return "{}"
    return (
        "{ " + "; ".join(f"{_key(name)}{'' if needed else '?'}: {_type(kind)}" for name, kind, needed in fields) + " }"
    )


def _gives(operation: dict[str, Any]) -> str:
    content = operation["responses"]["200"]["content"]
    return _type(content["application/json"]["schema"]) if "application/json" in content else "Blob"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(_literal(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_PLAIN[part] for part in kind)
    if kind == "array":
        item = _type(schema.get("items", {}))
        return f"({item})[]" if "|" in item else f"{item}[]"
    if kind == "object":
        return _mapping(schema)
    return _PLAIN.get(str(kind), "unknown")


def _mapping(schema: dict[str, Any]) -> str:
    inner = schema.get("additionalProperties", True)
    return f"{{ [name: string]: {_type(inner) if isinstance(inner, dict) else 'unknown'} }}"


def _literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if name.isidentifier() else f"'{name}'"


def _comment(text: str | None, indent: str) -> str:
    first = (text or "").strip().partition("\n")[0].replace("*/", "* /")
    return f"{indent}/** {first} */\n" if first else ""


if __name__ == "__main__":
    Path("labextension/src/schema.ts").write_text(typescript(), encoding="utf-8")
