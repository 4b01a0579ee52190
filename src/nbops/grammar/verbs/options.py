"""Options and arguments that several verbs share."""

from __future__ import annotations

from nbops.grammar.language import Option

LIMIT = Option(name="limit", kind="integer", minimum=1, default=50, short="-n", help="How many at most.")

OFFSET = Option(name="offset", kind="integer", minimum=0, default=0, help="How many to pass over first.")

RUN = Option(
    name="run",
    is_argument=True,
    default="last",
    completes="runs",
    help="A run: id, unique start of an id, name or last.",
)

NAMED_RUN = Option(name="run", is_argument=True, is_required=True, completes="runs", help=RUN.help)

ARCHIVED = Option(name="archived", kind="flag", default=False, help="The archived runs instead.")

DELETED = Option(name="deleted", kind="flag", default=False, help="The runs in the trash instead.")

RESULT = Option(
    name="id",
    is_argument=True,
    default="last",
    completes="runs",
    help="A run, a model such as churn@3, an endpoint, or a cell's id.",
)

MADE = Option(
    name="id",
    is_argument=True,
    default="last",
    completes="runs",
    help="An endpoint, a model such as churn@3, a module, a run, or the id of a cell, deployment or bundle.",
)

METRIC = Option(name="metric", help="A metric of the run; its last value counts.")

VARIABLE = Option(name="variable", help="A variable of the notebook, as the run left it.")

ENDPOINT = Option(
    name="endpoint", is_argument=True, is_required=True, completes="endpoints", help="The endpoint's name."
)

KEYS = Option(
    name="keys",
    kind="path",
    metavar="FILE",
    help="Answer those alone who have an API key of this file, one NAME SHA256 a line; none takes them away.",
)

TLS_CERT = Option(
    name="tls_cert",
    kind="path",
    metavar="FILE",
    help="Speak HTTPS with this certificate, in PEM; none for plain HTTP at a new address.",
)

TLS_KEY = Option(
    name="tls_key", kind="path", metavar="FILE", help="The certificate's private key, in PEM, unless its file has it."
)

MODEL = Option(
    name="model",
    is_argument=True,
    is_required=True,
    completes="models",
    help="A model: churn, churn@3, churn@production; in a notebook also a live variable.",
)

STORED_MODEL = Option(
    name="model",
    is_argument=True,
    is_required=True,
    completes="models",
    help="A model: churn, churn@3, churn@production.",
)

FILE = Option(name="notebook", is_argument=True, kind="path", is_required=True, help="The notebook's file.")

COLD = Option(name="cold", kind="flag", help="Start each kernel from nothing instead of forking a warm one.")

RUNNER = Option(name="runner", default="local", help="Where runs are executed: local, dask, ray.")

SHIP = Option(
    name="ship",
    is_many=True,
    metavar="PATH",
    help="Send this file or folder to workers too, besides what the notebook names.",
)

SCHEDULER = Option(
    name="scheduler",
    metavar="ADDRESS",
    help="Where the runner's cluster is: tcp://HOST:8786 of dask; HOST:6379 or ray://HOST:10001 of Ray.",
)

TOTAL_TIMEOUT = Option(
    name="total_timeout", kind="number", minimum=0, metavar="SECONDS", help="How long all of it may take."
)

SCHEDULE = Option(
    name="schedule", is_argument=True, is_required=True, completes="schedules", help="The schedule's name or id."
)

NOTIFY = Option(
    name="notify", is_many=True, metavar="CHANNEL", help="Tell this channel of [tool.nbops.notify] when it has ended."
)

MODULE = Option(
    name="module",
    is_argument=True,
    is_required=True,
    completes="modules",
    help="A module: churn.features, or one version of it: churn.features@1.2.0.",
)

NOTEBOOK = Option(name="notebook", kind="path", help="Read this notebook instead of the live session.")

ONLY = Option(name="only", kind="flag", help="Leave out what the module had and is not named now.")

OVERWRITE = Option(name="overwrite", kind="flag", help="Let edits made in the file be lost.")

DEFINITIONS = (
    Option(
        name="names",
        is_argument=True,
        is_many=True,
        is_required=True,
        metavar="NAME",
        help="Functions, classes or constants.",
    ),
    Option(name="to", is_required=True, metavar="PKG.MODULE", help="The module to write, such as churn.features."),
    NOTEBOOK,
    Option(name="parameter", is_many=True, metavar="NAME", help="Turn this global into a keyword parameter."),
    Option(
        name="pin", is_many=True, metavar="NAME", help="Keep this global by its hash and load it when first needed."
    ),
    Option(
        name="definition",
        kind="pairs",
        metavar="NAME=WHICH",
        help="Where text and live object differ, take the last, live or saved definition.",
    ),
)

MLFLOW = "The MLflow: http://… of a server, sqlite:///mlflow.db, or a folder of MLflow's files."


def _runs_of(completes: str) -> Option:
    return Option(
        name="runs",
        is_argument=True,
        is_many=True,
        is_required=True,
        completes=completes,
        metavar="RUN",
        help="Runs; or sweeps, for all of their runs.",
    )
