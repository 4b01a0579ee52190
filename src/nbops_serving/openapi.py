"""The OpenAPI document of one model: its own columns, ranges, categories and example."""

from __future__ import annotations

from typing import Any

from nbops_serving.manifest import Column, Manifest, Policy

_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "category": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
    },
    "required": ["name", "shape", "datatype", "data"],
}
_PROBLEM = "#/components/schemas/Problem"


def describe(manifest: Manifest, policy: Policy) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a server for this bundle.

    Args:
        manifest: the bundle's manifest.
        policy: what is rejected, which the document then forbids.

    Returns:
        A JSON-able document that names every route, every column and every refusal.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": manifest.model,
            "version": str(manifest.version),
            "description": f"{manifest.model}@{manifest.version}, answered by its {manifest.rung}.",
        },
        "paths": {
            "/predict": {"post": _predict(manifest)},
            "/invocations": {"post": _invocations(manifest)},
            f"/v2/models/{manifest.model}/infer": {"post": _inference(manifest)},
            f"/v2/models/{manifest.model}": {"get": _plain("The model's tensors.", refusals=(503,))},
            "/health/live": {"get": _plain("Whether the process runs.", refusals=())},
            "/health/ready": {"get": _plain("Whether it takes predictions.", refusals=(503,))},
            "/metrics": {"get": _text("Counters in Prometheus text.", "text/plain")},
            "/manifest": {"get": _plain("Where the model comes from and what it takes.", refusals=(503,))},
            "/openapi.json": {"get": _plain("This document.", refusals=(503,))},
            "/docs": {"get": _text("A page to try the model.", "text/html")},
            "/": {"get": _text("A page to try the model.", "text/html")},
        },
        "components": {"schemas": _schemas(manifest, policy)},
    }


def _predict(manifest: Manifest) -> dict[str, Any]:
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Rows"},
                "examples": {"training": {"summary": "Rows from training", "value": {"rows": manifest.example}}},
            },
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
    return {
        "summary": f"Ask {manifest.model} about one or more rows.",
        "operationId": "predict",
        "requestBody": body,
        "responses": {
            **_answered("Predictions"),
            **_refusals(400, 408, 413, 415, 422, 429, 500, 503),
        },
    }


def _invocations(manifest: Manifest) -> dict[str, Any]:
    table = {"type": "array", "items": {"type": "array"}}
    split = {
        "type": "object",
        "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "data": table},
        "required": ["data"],
    }
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    forms = {"dataframe_split": split, "dataframe_records": rows, "instances": {}, "inputs": {}}
    schema = {
        "type": "object",
        "oneOf": [{"properties": {name: form}, "required": [name]} for name, form in forms.items()],
    }
    return {
        "summary": f"Ask {manifest.model} in a form of MLflow's scoring server.",
        "operationId": "invocations",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {**_answered("Predictions"), **_refusals(400, 408, 413, 415, 422, 429, 500, 503)},
    }


def _inference(manifest: Manifest) -> dict[str, Any]:
    return {
        "summary": f"Ask {manifest.model} by the Open Inference Protocol.",
        "operationId": "infer",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Inference"}}},
        },
        "responses": {**_answered("Inferred"), **_refusals(400, 408, 413, 415, 422, 429, 500, 503)},
    }


def _answered(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": "One prediction per row, in the order of the rows.", "content": content}}


def _plain(summary: str, *, refusals: tuple[int, ...]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": content}, **_refusals(*refusals)}}


def _text(summary: str, media: str) -> dict[str, Any]:
    content = {media: {"schema": {"type": "string"}}}
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": content}, **_refusals(503)}}


def _refusals(*statuses: int) -> dict[str, Any]:
    said = {
        400: "The body is no JSON.",
        408: "The body came too slowly.",
        413: "The body or the number of rows is too large.",
        415: "The body is not application/json.",
        422: "A row does not fit; the errors name the row and the field.",
        429: "Too many rows wait; try again.",
        500: "The model failed; the request id finds it in the server's log.",
        503: "Not ready, or on the way out.",
    }
    content = {"application/problem+json": {"schema": {"$ref": _PROBLEM}}}
    return {str(status): {"description": said[status], "content": content} for status in statuses}


def _schemas(manifest: Manifest, policy: Policy) -> dict[str, Any]:
    columns = manifest.signature.columns
    row = {
        "type": "object",
        "properties": {column.name: _column(column, policy) for column in columns},
        "required": [column.name for column in columns if not column.optional],
        "additionalProperties": policy.extra == "accept",
    }
    return {
        "Row": row,
        "Rows": {
            "type": "object",
            "properties": {"rows": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}}},
            "required": ["rows"],
            "additionalProperties": False,
        },
        "Predictions": _predictions(manifest),
        "Inference": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": _TENSOR}},
            "required": ["inputs"],
        },
        "Inferred": {
            "type": "object",
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "outputs": {"type": "array", "items": _TENSOR},
            },
            "required": ["model_name", "outputs"],
        },
        "Note": {
            "type": "object",
            "description": "Something about an accepted row that its sender should know.",
            "properties": {
                "row": {"type": "integer"},
                "field": {"type": "string"},
                "code": {"enum": ["unseen", "out_of_range", "extra"]},
                "message": {"type": "string"},
            },
        },
        "Problem": {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "code": {"type": "string"},
                "detail": {"type": "string"},
                "request_id": {"type": "string"},
                "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Violation"}},
            },
            "required": ["title", "status", "code", "request_id"],
        },
        "Violation": {
            "type": "object",
            "properties": {
                "row": {"type": ["integer", "null"]},
                "field": {"type": ["string", "null"]},
                "message": {"type": "string"},
                "expected": {"type": "string"},
                "code": {"type": "string"},
            },
        },
    }


def _predictions(manifest: Manifest) -> dict[str, Any]:
    signature = manifest.signature
    outcome: dict[str, Any] = {"type": ["number", "null"]} if signature.output == "number" else {}
    if signature.output == "class" and signature.classes:
        outcome = {"enum": list(signature.classes)}
    properties: dict[str, Any] = {
        "predictions": {"type": "array", "items": outcome},
        "model": {"type": "string", "description": "NAME@VERSION"},
        "request_id": {"type": "string"},
        "notes": {"type": "array", "items": {"$ref": "#/components/schemas/Note"}},
    }
    if manifest.has_probabilities:
        row = {"type": "array", "items": {"type": "number"}}
        properties["probabilities"] = {
            "type": "array",
            "items": row,
            "description": "Per row, one probability per class, in the order of classes.",
        }
        properties["classes"] = {"type": "array", "items": {}, "const": list(signature.classes or [])}
    required = ["predictions", "model", "request_id"]
    return {"type": "object", "properties": properties, "required": required}


def _column(column: Column, policy: Policy) -> dict[str, Any]:
    kind = dict(_TYPES[column.kind])
    if column.optional:
        kind["type"] = [kind["type"], "null"]
    said = []
    if column.kind in ("number", "integer") and column.minimum is not None:
        said.append(f"{column.minimum:g} to {column.maximum:g} in training")
    if column.categories:
        listed = ", ".join(column.categories[:20])
        said.append(f"in training: {listed}" + (", …" if len(column.categories) > 20 else ""))
    if column.categories is not None and (policy.unseen == "reject" or column.name in policy.refused):
        kind["enum"] = [*column.categories, *([None] if column.optional else [])]
    if policy.out_of_range == "reject" and column.kind in ("number", "integer") and column.minimum is not None:
        kind["minimum"], kind["maximum"] = column.minimum, column.maximum
    if said:
        kind["description"] = "; ".join(said)
    return kind
