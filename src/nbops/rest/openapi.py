"""The API's description, OpenAPI 3.1, made from ``ROUTES`` and the structs they give."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterable
from typing import Any

import msgspec

from nbops.grammar import Option
from nbops.rest.answers import Bytes, CallStopped
from nbops.rest.problems import Problem
from nbops.rest.projects import ProjectState
from nbops.rest.routes import MOST_ROWS, PREFIX, ROUTES, Route

_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "path": {"type": "string"},
    "choice": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "pairs": {"type": "object", "additionalProperties": True},
}
REF = "#/components/schemas/{name}"


@functools.cache
def openapi_document() -> dict[str, Any]:
    """Describe every address.

    Returns:
        An OpenAPI 3.1 document as plain JSON values.

    Example:
        >>> openapi_document()["openapi"]
        '3.1.0'
    """
    replies = [_json_type(route) for route in ROUTES]
    kinds = [*replies, ProjectState, CallStopped, Problem]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    _require_what_is_always_sent(kinds, components)
    paths: dict[str, dict[str, Any]] = {
        f"/{PREFIX}/openapi.json": {"get": _operation_of_description()},
        f"/{PREFIX}/project": {"get": _operation_of_project()},
        f"/{PREFIX}/calls/stop": {"post": _operation_of_stop()},
    }
    for route, schema in zip(ROUTES, schemas, strict=False):
        paths.setdefault(f"/{PREFIX}/{route.name}", {})[route.method.lower()] = _operation(route, schema)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nbops",
            "version": importlib.metadata.version("nbops"),
            "description": "Every verb of nbops under the Jupyter server. Changing calls need the server's XSRF token "
            "unless they carry its access token.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"token": []}],
    }


def _require_what_is_always_sent(kinds: list[Any], components: dict[str, Any]) -> None:
    # msgspec describes what it reads, where a default makes a field optional; what we send is whole.
    for kind in _structs(msgspec.inspect.multi_type_info(kinds)):
        schema = components[kind.cls.__name__]
        if not kind.cls.__struct_config__.omit_defaults:
            schema["required"] = list(schema.get("properties", {}))


def _structs(kinds: Iterable[Any]) -> list[msgspec.inspect.StructType]:
    """Every struct that occurs in some types, each once."""
    found: list[msgspec.inspect.StructType] = []
    seen: set[int] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        if isinstance(kind, msgspec.inspect.StructType):
            found.append(kind)
            waiting += [field.type for field in kind.fields]
        for part in ("item_type", "key_type", "value_type"):
            waiting += [getattr(kind, part)] if hasattr(kind, part) else []
        waiting += getattr(kind, "types", ())
    return found


def _json_type(route: Route) -> Any:
    return Any if route.gives is Bytes else route.gives


def _operation(route: Route, schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/octet-stream": {}} if route.gives is Bytes else {"application/json": {"schema": schema}}
    operation: dict[str, Any] = {
        "operationId": route.name.replace("/", "_"),
        "summary": route.summary,
        "parameters": [_PROJECT],
        "responses": _responses(content),
    }
    if route.method == "POST":
        operation["requestBody"] = {"content": {"application/json": {"schema": _body(route)}}}
    else:
        operation["parameters"] = [_PROJECT, *(_parameter(option) for option in route.options)]
    return operation


def _responses(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "200": {"description": "Done.", "content": content},
        "default": {
            "description": "Why not.",
            "content": {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}},
        },
    }


_PROJECT = {
    "name": "project",
    "in": "query",
    "description": "A folder or file below the server's root; its project is acted on.",
    "schema": {"type": "string", "default": ""},
}


def _operation_of_project() -> dict[str, Any]:
    schema = {"$ref": REF.format(name="ProjectState")}
    return {
        "operationId": "project",
        "summary": "Say which project a path belongs to, and tell of its news on the event bus from now on.",
        "parameters": [_PROJECT],
        "responses": _responses({"application/json": {"schema": schema}}),
    }


def _operation_of_stop() -> dict[str, Any]:
    request = {"type": "string", "description": "The X-Request-ID that the call was sent with."}
    body = {"type": "object", "properties": {"request": request}, "required": ["request"]}
    return {
        "operationId": "calls_stop",
        "summary": "End a call that takes long at its next step; it answers with the code cancelled.",
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": _responses({"application/json": {"schema": {"$ref": REF.format(name="CallStopped")}}}),
    }


def _operation_of_description() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "Describe this API.",
        "responses": _responses({"application/json": {"schema": {"type": "object"}}}),
    }


def _schema(option: Option) -> dict[str, Any]:
    schema = dict(_SCHEMAS[option.kind])
    if option.choices:
        schema["enum"] = list(option.choices)
    if option.name == "limit":
        schema |= {"minimum": 0, "maximum": MOST_ROWS}
    if option.is_many:
        schema = {"type": "array", "items": schema}
    if option.default is not None:
        schema["default"] = option.default
    return schema


def _parameter(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "in": "query",
        "required": option.is_required,
        "description": option.help,
        "schema": _schema(option),
    }


def _body(route: Route) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {option.name: {**_schema(option), "description": option.help} for option in route.options},
        "required": [option.name for option in route.options if option.is_required],
        "additionalProperties": False,
    }
