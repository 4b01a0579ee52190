"""Verbs of endpoints: deployment, requests, monitoring."""

from __future__ import annotations

from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    ENDPOINT,
    KEYS,
    LIMIT,
    MODEL,
    OFFSET,
    OVERWRITE,
    TLS_CERT,
    TLS_KEY,
)
from nbops.records import (
    Admitted,
    Deployment,
    Endpoint,
    Window,
)
from nbops.workspace import Prediction, RolledBack

ENDPOINTS: tuple[Verb, ...] = (
    Verb(
        name="deploy",
        topic="endpoints",
        summary="Put a model behind a stable address, checked before it takes any traffic.",
        gives=Endpoint,
        changes=True,
        options=(
            Option(
                name="model",
                is_argument=True,
                completes="models",
                help=f"{MODEL.help[:-1]}; without one, a notebook in JupyterLab shows a form.",
            ),
            Option(name="name", help="The endpoint's name; the model's when not given."),
            Option(
                name="engine", help="Where it runs: docker, process, or an installed package's.", completes="engines"
            ),
            Option(name="sample", help="In a notebook: the variable with rows the model was trained on."),
            Option(name="base_image", metavar="IMAGE", help="What the image is built on: a tag, a digest or an id."),
            Option(name="platform", help="What the image is made for, such as linux/amd64."),
            Option(name="save", kind="path", metavar="FILE", help="Write the proven image to a file for docker load."),
            Option(
                name="push", metavar="REGISTRY", help="Push the proven image to a registry before it takes traffic."
            ),
            Option(name="isolated", kind="flag", default=False, help="Without Docker: serve with a venv of its own."),
            Option(
                name="port",
                kind="integer",
                minimum=1,
                help="The address's port on 127.0.0.1; the one it had, else a free one, when not given.",
            ),
            KEYS,
            TLS_CERT,
            TLS_KEY,
        ),
        examples=(
            "deploy churn@3 --name churn --port 8080",
            "deploy model --name churn --sample X_train",
            "deploy churn@3 --push registry.example.com/team",
            "deploy churn@3 --engine process --isolated",
            "deploy churn@3 --keys keys.txt --tls-cert cert.pem --tls-key key.pem",
            "deploy",
        ),
    ),
    Verb(
        name="endpoints",
        topic="endpoints",
        summary="List endpoints with what runs behind them.",
        gives=list[Endpoint],
        examples=("endpoints",),
    ),
    Verb(
        name="deployments",
        topic="endpoints",
        summary="List what runs or ran behind an endpoint, newest first.",
        gives=list[Deployment],
        options=(
            Option(name="endpoint", is_argument=True, completes="endpoints", help="Only those of this endpoint."),
            LIMIT,
            OFFSET,
        ),
        examples=("deployments churn",),
    ),
    Verb(
        name="access",
        topic="endpoints",
        summary="Take an endpoint's API keys and certificate anew from their files, while it goes on answering.",
        gives=Admitted,
        changes=True,
        options=(ENDPOINT, KEYS, TLS_CERT, TLS_KEY),
        examples=("access churn", "access churn --keys keys.txt", "access churn --tls-cert new.pem --tls-key key.pem"),
    ),
    Verb(
        name="predict",
        topic="endpoints",
        summary="Ask an endpoint; without rows, with its own example.",
        gives=Prediction,
        changes=True,
        options=(
            ENDPOINT,
            Option(
                name="rows",
                is_argument=True,
                help="A JSON or CSV file, JSON text, or - for standard input; in a notebook also a variable.",
            ),
            Option(
                name="key",
                metavar="VARIABLE",
                help="The variable with the API key, of the environment or the notebook; NBOPS_API_KEY when not given.",
            ),
        ),
        examples=(
            "predict churn",
            "predict churn rows.json",
            "predict churn --key SHOP_KEY",
            "predict churn '[{\"age\": 41}]'",
        ),
    ),
    Verb(
        name="rollback",
        topic="endpoints",
        summary="Go back to what answered before the last deploy, or to an earlier version of a module.",
        gives=RolledBack,
        changes=True,
        options=(
            Option(
                name="name",
                is_argument=True,
                is_required=True,
                completes="endpoints",
                help="An endpoint; or a module's version, such as churn.features@1.2.0.",
            ),
            OVERWRITE,
        ),
        examples=("rollback churn", "rollback churn.features@1.2.0"),
    ),
    Verb(
        name="logs",
        topic="endpoints",
        summary="Show the newest lines an endpoint's server wrote.",
        gives=str,
        options=(
            ENDPOINT,
            Option(name="lines", kind="integer", minimum=1, default=100, short="-n", help="How many lines."),
        ),
        examples=("logs churn -n 20",),
    ),
    Verb(
        name="stop",
        topic="endpoints",
        summary="Stop an endpoint and everything behind it; its records and logs stay.",
        gives=Endpoint,
        changes=True,
        options=(ENDPOINT,),
        examples=("stop churn",),
    ),
    Verb(
        name="monitor",
        topic="watching",
        summary="Measure drift, latency and errors of an endpoint's requests, or of a scored file, against training.",
        gives=Window,
        changes=True,
        options=(
            Option(name="endpoint", is_argument=True, completes="endpoints", help="The endpoint's name."),
            Option(
                name="hours",
                kind="number",
                minimum=0,
                help="Only the last hours; everything since the deploy when not given.",
            ),
            Option(name="scored", kind="path", metavar="FILE", help="What score wrote, instead of an endpoint."),
        ),
        examples=("monitor churn", "monitor churn --hours 24", "monitor --scored scored.parquet"),
    ),
)
