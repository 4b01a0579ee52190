"""Views of endpoints, predictions and their monitoring."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.records import (
    Admitted,
    Deployment,
    Endpoint,
    Window,
)
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.runs import field_text
from nbops.views.answers.values import number, short, when
from nbops.views.parts import Facts, Heading, Note, Part, Table
from nbops.workspace import Prediction, RolledBack


@list_of(Endpoint)
def _endpoints(answer: Sequence[Endpoint]) -> list[Part]:
    rows = [
        [endpoint.name, endpoint.status, endpoint.address, endpoint.engine, _split(endpoint), when(endpoint.updated_at)]
        for endpoint in answer
    ]
    return [Table(["endpoint", "status", "address", "engine", "traffic", "since"], rows, status=frozenset({1}))]


def _split(endpoint: Endpoint) -> str:
    return ", ".join(f"{short(deployment)} {share} %" for deployment, share in endpoint.split.items())


@list_of(Deployment)
def _deployments(answer: Sequence[Deployment]) -> list[Part]:
    rows = [
        [
            short(deployment.id),
            deployment.endpoint,
            f"@{deployment.number}",
            deployment.status,
            deployment.engine,
            when(deployment.started_at),
            deployment.error or "",
        ]
        for deployment in answer
    ]
    columns = ["deployment", "endpoint", "version", "status", "engine", "started", "error"]
    return [Table(columns, rows, status=frozenset({3}))]


@view_of.register
def _(answer: RolledBack) -> list[Part]:
    return view_of(answer.module if answer.module is not None else answer.endpoint)


@view_of.register
def _(answer: Endpoint) -> list[Part]:
    facts = [
        ("address", answer.address),
        ("engine", answer.engine),
        ("API keys", str(answer.handle.get("keys", ""))),
        ("certificate", str(answer.handle.get("tls_cert", ""))),
        ("traffic", _split(answer)),
        ("status", answer.status),
    ]
    return [
        Heading(f"Endpoint {answer.name}"),
        Facts([fact for fact in facts if fact[1]]),
        *(
            [Note(f"open {answer.address} for its page, or: nbops predict {answer.name}")]
            if answer.status == "up"
            else []
        ),
    ]


@view_of.register
def _(answer: Admitted) -> list[Part]:
    facts = [
        ("address", answer.endpoint.address),
        ("API keys of", ", ".join(answer.keys) or "nobody: who reaches it may ask"),
        ("certificate", answer.certificate or ""),
    ]
    return [Heading(f"Endpoint {answer.endpoint.name}"), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Prediction) -> list[Part]:
    rows = [
        [
            str(i),
            field_text("", prediction),
            "" if not answer.probabilities else field_text("", answer.probabilities[i]),
        ]
        for i, prediction in enumerate(answer.predictions[:50])
    ]
    parts: list[Part] = [
        Heading(answer.model, f"request {answer.request_id}"),
        Table(["row", "prediction", "probabilities"] if answer.probabilities else ["row", "prediction"],
              [row if answer.probabilities else row[:2] for row in rows], frozenset({0})),
    ]  # fmt: skip
    if len(answer.predictions) > len(rows):
        parts.append(Note(f"and {len(answer.predictions) - len(rows)} more; --json has all"))
    parts += [Note(field_text("", warning), "busy") for warning in answer.warnings or ()]
    return parts


@view_of.register
def _(answer: Window) -> list[Part]:
    rows = [
        [
            column.column,
            "drifted" if column.drifted else "stable",
            column.test,
            number(column.effect),
            f"{column.p_value:.2g}",
            column.message,
        ]
        for column in sorted(answer.columns, key=lambda column: (not column.drifted, -column.effect))[:50]
    ]
    latency = ", ".join(f"{name} {number(value)} ms" for name, value in answer.latency_ms.items())
    facts = [
        ("file", answer.scored or ""),
        ("verdict", answer.verdict),
        ("rows", str(answer.rows)),
        (
            "requests" if answer.scored is None else "rows in all",
            f"{answer.requests}, of which {answer.errors} failed",
        ),
        ("latency", latency),
        ("from", when(answer.from_at)),
        ("to", when(answer.to_at)),
    ]
    columns = ["column", "verdict", "test", "effect", "p", "what was found"]
    return [
        Heading(f"Endpoint {answer.endpoint}" if answer.scored is None else "Scored file", short(answer.id)),
        Facts([fact for fact in facts if fact[1]]),
        Table(columns, rows, frozenset({3, 4}), frozenset({1})),
    ]
