"""The nouns of nbops as frozen structs: the same fields in Python, in SQL, in JSON and in TypeScript.

Times are seconds since the epoch in UTC (``…_at``), durations are seconds (``…_s``), sizes are bytes (``…_bytes``). Ids
are UUIDv7 as 32 hexadecimal digits, so that sorting by id is sorting by time. Adding a field needs a default and a
migration in ``nbops.store.migrations``; renaming one is not done after a release.
"""

from __future__ import annotations

import os
import time
from typing import Any, Literal

import msgspec

from nbops_serving.manifest import Signature

RunKind = Literal["session", "named", "notebook"]
RunStatus = Literal["running", "finished", "failed", "interrupted", "cancelled"]
CellStatus = Literal["running", "ok", "error", "interrupted", "cancelled", "exited", "invalid"]


def new_id() -> str:
    """Make a UUIDv7 (RFC 9562) as 32 hexadecimal digits.

    48 bits of milliseconds, 12 of the fraction of the millisecond (the RFC's method 3, so that ids of one process
    sort as they were made), then random.

    Example:
        >>> len(new_id()), new_id()[12]
        (32, '7')
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    noise = int.from_bytes(os.urandom(8), "big") >> 2
    return f"{milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | noise:032x}"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Anything the store keeps under an id."""

    id: str


class CellError(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as the user saw it."""

    name: str
    message: str
    traceback: str = ""
    cell_index: int | None = None
    """Index of the failing cell in the executed notebook, from 0, for runs of a whole notebook."""


class OutputSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell showed, cut to a bounded size."""

    text: str = ""
    """The head of what was printed, and of the result's plain text."""
    total_bytes: int = 0
    """How much was printed in all."""
    media_types: list[str] = []
    """The richest types displayed, such as ``image/png``."""
    kept: int = 0
    """How many displays are kept as artifacts of this execution."""
    left_out: int = 0
    """Displays that are not: too large, too many, or there was no room on the disk."""


class Environment(Record, frozen=True, kw_only=True):
    """Interpreter, platform and packages; ``id`` is the hash of the rest, so equal environments are one row."""

    python: str
    platform: str
    packages: dict[str, str]
    """Distribution name → version."""
    variables: dict[str, str] = {}
    """Settings that change numbers: hash seed, thread counts, time zone, locale."""
    machine: dict[str, str] = {}
    """``cpu``: the processor's name; ``cores``: how many of its cores the process may use."""
    created_at: float


class ImportedModule(msgspec.Struct, frozen=True, kw_only=True):
    """A module of the user's own that a run imported, as its file was then."""

    name: str
    """Dotted import name."""
    path: str
    """Of its file, relative to the project when inside."""
    digest: str
    """sha256 of the file."""
    version: str = ""
    """Number of the module version that the file held; empty for what was not taken from a notebook."""
    version_id: str | None = None
    execution_id: str | None = None
    """The execution after which it was first seen so."""


class ThreadPool(msgspec.Struct, frozen=True, kw_only=True):
    """A native library that computes on threads of its own, as a run had it loaded."""

    library: str
    """``openblas``, ``openmp``, ``mkl``, ``blis``, …"""
    version: str = ""
    core: str = ""
    """The kind of processor it computes for, which decides the last bits of a sum."""
    threads: int


class Run(Record, frozen=True, kw_only=True):
    """One continuous piece of work: a live session, a named part of it, or a papermill execution."""

    name: str
    kind: RunKind
    status: RunStatus = "running"
    started_at: float
    ended_at: float | None = None
    parent_id: str | None = None
    """The session run that a named run is a part of."""
    execution_id: str | None = None
    """The cell execution in which a named run was opened."""
    sweep_id: str | None = None
    cause: str = "person"
    """Who or what started it: ``person``, ``sweep``, ``schedule``, ``trigger``."""
    firing_id: str | None = None
    """The firing of a schedule that started it, which says why."""
    notebook: str | None = None
    """Path of the notebook, relative to the project when inside it."""
    error: CellError | None = None
    user: str = ""
    host: str = ""
    pid: int = 0
    process: str = ""
    """Tells its process from a later one with the same pid (``nbops.store.process.this_process()``)."""
    environment_id: str | None = None
    git_commit: str | None = None
    git_branch: str | None = None
    git_dirty: bool | None = None
    """Whether tracked files differed from the commit; None outside a repository."""
    output: str | None = None
    """Where the executed notebook was written, for papermill executions."""
    cwd: str | None = None
    """Folder that its process began in, relative to the project when inside."""
    modules: list[ImportedModule] = []
    """Modules of the user's own that it imported; one that was edited and imported again has several entries."""
    thread_pools: list[ThreadPool] = []
    """Native libraries with threads, as they were last seen."""
    tags: dict[str, str] = {}
    note: str = ""
    archived_at: float | None = None
    """When it was taken out of the lists; it stays for ever."""
    deleted_at: float | None = None
    """When it went to the trash, from which it can be restored until it is collected."""


Evidence = Literal["named", "token", "digest", "sampled", "opaque"]
"""How something is known of an object: the code says so; it is another object or of another size; its content differs;
a sample of it does; or only the object itself could tell."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A name that one execution read, and the execution that had written it."""

    name: str
    """A variable, ``random:SOURCE`` for the state of a random generator, ``file:PATH`` for a file."""
    source_id: str | None
    """The execution that last bound or changed it; None when it was there before recording began."""
    evidence: Evidence
    """How it is known that it came from there."""
    digest: str = ""
    """What it held when it was read; comparable within the session only, empty when not known."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A name that an execution bound, or whose object it changed in place."""

    name: str
    evidence: Evidence
    digest: str = ""
    """What it holds now, where that took little time to tell; comparable within the session only."""
    version: str = ""
    """What it holds now, comparable with other sessions of the same project; empty where that took too long to tell."""


class FileTouch(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an execution read or wrote."""

    path: str
    """Relative to the project when it is inside."""
    action: Literal["read", "written"]
    evidence: Evidence
    """``token`` for an opening that was seen, ``named`` for a path that stands in the cell's code or variables."""
    size_bytes: int
    digest: str = ""
    """xxh3_128 of the content that was read, or of what the cell left; empty for what would take too long to read."""


class RandomState(msgspec.Struct, frozen=True, kw_only=True):
    """A process-wide random generator that an execution used or seeded."""

    source: str
    """``random`` or ``numpy``."""
    before: str
    """xxh3_128 of its state, the same in every process."""
    after: str


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What one execution did to the names, files and random state of its notebook."""

    edges: list[Edge] = []
    writes: list[Written] = []
    deleted: list[str] = []
    unsure: list[str] = []
    """Names that it could reach and of which nobody can say whether they changed."""
    files: list[FileTouch] = []
    randomness: list[RandomState] = []
    cpu_s: float | None = None
    """Processor time of the whole process while it ran, in seconds; None for cells that only bind plain values."""
    peak_bytes: int | None = None
    """The most memory that the process had occupied when it ended."""


class CellExecution(Record, frozen=True, kw_only=True):
    """One execution of one cell in a Run."""

    run_id: str
    position: int
    """1 for the first cell of the run, then 2, 3, …"""
    source: str
    """As typed, before IPython's transforms."""
    status: CellStatus = "running"
    started_at: float
    ended_at: float | None = None
    cell_id: str | None = None
    """The notebook's own id of the cell, where the front end tells it."""
    execution_count: int | None = None
    error: CellError | None = None
    outputs: OutputSummary | None = None
    host: str = ""
    pid: int = 0
    lineage: Lineage | None = None
    """What it read and wrote; None while it runs, and where that was not followed."""
    secrets: list[str] | None = None
    """Ids of the secrets that were masked in its source, where ``nbops.secret(ID)`` stands for them; None for none."""


class Secret(Record, frozen=True, kw_only=True):
    """A secret that was masked: what it is and where it may be had, never what it says.

    Its id is a hash under a key that stays in the project's folder: the same value has the same id there.
    """

    kind: str
    """What it is, in words: ``GitHub token``, ``password``."""
    variable: str | None = None
    """The environment variable that held it, when it came from there."""
    at: float
    """When it was first masked."""


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """A value that steers a run; logging it again replaces it."""

    run_id: str
    name: str
    value: str | int | float | bool | None
    """Other types are kept as their JSON or, failing that, their bounded text."""
    at: float


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a run produced, at a step; the same name may have many rows."""

    run_id: str
    name: str
    step: int | None
    value: float
    at: float


class Artifact(Record, frozen=True, kw_only=True):
    """Bytes kept by hash, with the name the user gave them."""

    run_id: str | None
    execution_id: str | None = None
    name: str
    digest: str
    """sha256 of the bytes, which is their address among the blobs."""
    size_bytes: int
    media_type: str = "application/octet-stream"
    kind: Literal["logged", "output", "plot"] = "logged"
    """Whether the user kept it, a cell has shown it, or nbops has drawn it."""
    cell: str = ""
    """Of an output: its cell as ``NOTEBOOK#CELL_ID``, where the front end tells that; versions are counted by it."""
    of: str = ""
    """Of a plot: the id of the run, sweep, model version or endpoint that it shows."""
    caption: str = ""
    """Of a plot: what it shows in words, and which rows it is made of."""
    at: float


class Dataset(Record, frozen=True, kw_only=True):
    """A table seen by a cell or a model, known by its fingerprint and profile."""

    name: str
    fingerprint: str
    rows: int
    columns: list[str]
    profile_digest: str | None = None
    """Blob that holds the profile (sketches by column) as JSON."""
    run_id: str | None = None
    at: float


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One function, class or constant of a module, and the cell it came from."""

    name: str
    kind: Literal["function", "class", "value", "import"]
    digest: str
    execution_id: str | None = None
    cell_id: str | None = None
    cell: str | None = None
    """How messages call that cell: ``In [3]``, or ``cell 3`` where none was counted; None for imports."""
    requested: bool = False
    """Asked for by the user, as against needed by what was asked for."""
    is_told_apart: bool = False
    """Whether the module's functions tell it from a copy of it, by identity or class."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Data that was passed to a fit."""

    name: str = ""
    """The variable it stood in; empty for the value of an expression."""
    type: str
    """``pandas.DataFrame``, ``numpy.ndarray``, ``list``, …"""
    shape: list[int] = []
    """Rows, then columns; empty for what does not tell, such as generators."""
    dataset_id: str | None = None
    """Its content and profile; None while they are being read, and for what is no table."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A number that says how good a fit is, as the user computed it."""

    name: str
    """``score``, ``accuracy_score``, ``f1_score_macro``, …; the run's metric says ``training_`` before it."""
    value: float
    data: str = ""
    """The variable whose answers it was held against; ``cross-validation`` for a search's own best score."""
    rows: int | None = None
    is_training: bool = False
    """Whether it was computed on what the model was fitted on."""
    execution_id: str | None = None
    """The cell execution that computed it."""
    at: float


FitStatus = Literal["finished", "failed", "interrupted", "cancelled"]


class Fit(Record, frozen=True, kw_only=True):
    """One call of an estimator's ``fit``, as the user made it; calls inside of it are part of it."""

    run_id: str
    execution_id: str | None = None
    name: str = ""
    """The variable that holds the estimator, where it is known."""
    type_name: str
    """Dotted class of the estimator."""
    method: str
    """``fit``, ``fit_predict``, ``fit_transform`` or ``partial_fit``."""
    calls: int = 1
    """How often, for ``partial_fit`` calls of one estimator that followed each other in one cell."""
    status: FitStatus
    error: CellError | None = None
    started_at: float
    took_s: float
    """Seconds inside the method, of all calls together."""
    params: dict[str, Any] = {}
    """The estimator's own parameters and those of its parts (``clf__C``), as JSON values or bounded text."""
    x: Seen | None = None
    y: Seen | None = None
    fitted: dict[str, Any] = {}
    """What it learnt, by attribute: a number as it is, an array as its shape."""
    scores: list[Score] = []
    model_digest: str | None = None
    """Blob with the fitted estimator as a pickle; None while it is being written, and where it was not kept."""
    model_bytes: int | None = None
    notes: list[str] = []
    """What is not here, and why."""


class ModuleVersion(Record, frozen=True, kw_only=True):
    """Source of functions taken from a notebook, frozen under a content hash."""

    module: str
    """Dotted import name, such as ``churn.features``."""
    version: str
    digest: str
    path: str
    """Where the module file was written, relative to the project."""
    source: str
    definitions: list[Definition]
    provenance: Literal["live", "static"]
    """Whether the definitions were taken from recorded executions or from the notebook's text alone."""
    run_id: str | None = None
    notebook: str | None = None
    notes: list[str] = []
    """What a reader of the module should know and its text does not say."""
    parameters: list[str] = []
    """Global data that its functions are given as keyword arguments."""
    pins: dict[str, str] = {}
    """Global data that the module loads by hash: name → sha256 of the artifact."""
    created_at: float


class Model(Record, frozen=True, kw_only=True):
    """A name people say."""

    name: str
    aliases: dict[str, int] = {}
    """Alias such as ``production`` → number of a version."""
    created_at: float


class ModelVersion(Record, frozen=True, kw_only=True):
    """One fitted estimator of a Model, tied to what made it."""

    model: str
    number: int
    """1, 2, 3, … under the model's name, given by the store that all share."""
    digest: str
    """sha256 of the stored model bytes."""
    flavour: str
    signature: Signature
    type_name: str
    """Dotted class of the estimator."""
    run_id: str | None = None
    execution_id: str | None = None
    fit_id: str | None = None
    """The recorded fit that made it, where it was seen."""
    dataset_ids: list[str] = []
    module_version_ids: list[str] = []
    params: dict[str, Any] = {}
    """The estimator's own parameters, as JSON values or bounded text."""
    profile_digest: str | None = None
    """Blob with the profile of the training sample, which drift is measured against."""
    evidence_digest: str | None = None
    """Blob with rows of the training sample and the live model's answers to them, which every copy has to repeat."""
    types: list[str] = []
    """What the stored bytes may load, as ``module.name``: anything else in them is refused."""
    sources: dict[str, str] = {}
    """Python files the model needs, and data that they read, by their path below the import root → blob."""
    notes: list[str] = []
    """What was to be said when it was kept: data of the notebook that travels with it as it was then."""
    requirements: list[str] = []
    """Distributions the model needs, pinned as they were when it was registered."""
    python: str = ""
    """``major.minor`` the model was fitted under."""
    created_at: float


class CheckResult(Record, frozen=True, kw_only=True):
    """A check's verdict on a ModelVersion."""

    model_version_id: str
    check: str
    verdict: Literal["passed", "failed", "skipped"]
    message: str
    measured: dict[str, float] = {}
    at: float


class Bundle(Record, frozen=True, kw_only=True):
    """A content-addressed folder from which an image is built."""

    model_version_id: str
    digest: str
    path: str
    rung: str
    requirements: list[str]
    size_bytes: int
    created_at: float


DeploymentStatus = Literal["starting", "ready", "failed", "stopped"]


class Deployment(Record, frozen=True, kw_only=True):
    """One Bundle running on an engine."""

    endpoint: str
    """Name of the endpoint it serves."""
    bundle_id: str
    model_version_id: str
    number: int
    """The model version's number, shown beside the endpoint."""
    engine: str
    status: DeploymentStatus
    address: str | None = None
    """Direct address of the server, ``http://127.0.0.1:PORT``."""
    handle: dict[str, str | int] = {}
    """What the engine needs to find it again: container id, process id, image."""
    log_path: str | None = None
    """Folder of its prediction log."""
    error: str | None = None
    started_at: float
    ready_at: float | None = None
    stopped_at: float | None = None


class Endpoint(Record, frozen=True, kw_only=True):
    """A name and a stable address with a split over deployments."""

    name: str
    engine: str
    address: str
    """Stable address that clients use."""
    split: dict[str, int] = {}
    """Deployment id → share of traffic in percent."""
    status: Literal["up", "down", "stopped"] = "up"
    """``down``: it should answer and does not; ``stopped``: somebody stopped it."""
    handle: dict[str, str | int] = {}
    """What the engine needs to find the edge again."""
    created_at: float
    updated_at: float


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask an endpoint from now on."""

    endpoint: Endpoint
    keys: list[str]
    """Names of those who have an API key; empty where everybody may ask who reaches the endpoint."""
    certificate: str | None
    """The file that its certificate was taken from; None for plain HTTP."""


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one column of a window is from the training profile."""

    column: str
    test: str
    statistic: float
    p_value: float
    """Corrected over the columns of the window."""
    effect: float
    """Size of the difference on a scale from 0 to 1, free of the noise that few rows make."""
    drifted: bool
    message: str = ""


class Window(Record, frozen=True, kw_only=True):
    """A stretch of an endpoint's prediction log, measured against the profile of the model that answered."""

    endpoint: str
    """Empty for rows of a scored file, which no endpoint answered."""
    scored: str | None = None
    """The scored file that was measured instead of a log."""
    model_version_id: str
    from_at: float
    to_at: float
    rows: int
    columns: list[ColumnDrift]
    verdict: Literal["stable", "drifted", "too few rows"]
    requests: int = 0
    errors: int = 0
    latency_ms: dict[str, float] = {}
    """Percentiles of the time to answer, ``p50``, ``p95``, ``p99``, in milliseconds."""
    at: float


SweepStatus = Literal["running", "finished", "failed", "cancelled"]


class Sweep(Record, frozen=True, kw_only=True):
    """Runs made by one search."""

    name: str
    notebook: str
    space: dict[str, list[Any]]
    """Parameter → the values it takes; a range that is searched stands as one text, ``0.001..1 log``."""
    fixed: dict[str, Any] = {}
    objective: str | None = None
    """``max:NAME`` or ``min:NAME`` of a metric."""
    status: SweepStatus = "running"
    total: int
    """How many runs the search asks for."""
    search: str = "grid"
    """``grid``, or the name of the sampler that chooses the points."""
    jobs: int = 1
    timeout_s: float | None = None
    """How long one run may take, in seconds."""
    retries: int = 0
    """How often a run that failed is tried again."""
    kernel: str | None = None
    """Name of the kernel spec that was asked for; None for the one the notebook names."""
    runner: str = "local"
    """Where its runs are executed: ``local``, ``dask``, ``ray``, or another that is installed."""
    scheduler: str | None = None
    """Address of the runner's cluster; None for what the engine itself takes then."""
    ship: list[str] = []
    """What travels to workers besides what the notebook names: files, folders, patterns."""
    best_run_id: str | None = None
    cause: str = "person"
    host: str = ""
    pid: int = 0
    """The process that drives it."""
    process: str = ""
    """Tells that process from a later one with the same pid (``nbops.store.process.this_process()``)."""
    started_at: float
    ended_at: float | None = None


class Schedule(Record, frozen=True, kw_only=True):
    """A notebook that is run again by itself: at the times of a clock, or when a condition holds at such a time."""

    name: str
    notebook: str
    """Path of the notebook, relative to the project when inside it."""
    params: dict[str, str] = {}
    """Parameter → value as it was typed; checked when the schedule is made and again at each firing."""
    cron: str
    """Minute, hour, day of the month, month, day of the week; with conditions, when they are looked at."""
    timezone: str
    """IANA name of the zone that ``cron`` is read in."""
    conditions: list[str] = []
    """``kind:what`` of triggers, such as ``new-data:data/*.parquet``; one that holds is enough."""
    retries: int = 0
    """How often a run that failed is tried again."""
    timeout_s: float | None = None
    """How long one run may take, in seconds."""
    kernel: str | None = None
    runner: str = "local"
    """Where its runs are executed: ``local``, ``dask``, ``ray``, or another that is installed."""
    scheduler: str | None = None
    """Address of the runner's cluster; None for what the engine itself takes then."""
    ship: list[str] = []
    """What travels to workers besides what the notebook names, relative to the notebook's folder."""
    notify: list[str] = []
    """Channels that hear how each firing ended."""
    overlap: Literal["forbid", "allow"] = "forbid"
    """Whether a firing may begin while an earlier one goes on."""
    debounce_s: float = 60.0
    """How long what a condition looks at must have stood still, in seconds."""
    cooldown_s: float = 86_400.0
    """How long the same finding of a condition does not fire again, in seconds."""
    seen: dict[str, dict[str, str]] = {}
    """Condition → what stood when it last fired, or when the schedule was made."""
    image: str | None = None
    """The container image that has the project, for a cluster."""
    installed: list[str] = []
    """Timers outside of nbops that call it: ``systemd``, ``cron``, ``github``, ``kubernetes``."""
    paused_at: float | None = None
    active_since: float
    """Times before this one are not caught up: when it was made, changed or unpaused."""
    created_at: float


FiringStatus = Literal["running", "finished", "failed", "cancelled", "interrupted", "skipped"]


class Firing(Record, frozen=True, kw_only=True):
    """One time at which a schedule was due; its id is made of both, so that a time is fired once, whoever fires."""

    schedule_id: str
    schedule: str
    """The schedule's name."""
    due_at: float
    """The time it stands for, whatever the time at which it began."""
    cause: Literal["schedule", "trigger", "person"]
    reason: str
    """Why it fired, in words."""
    status: FiringStatus = "running"
    attempt: int = 1
    """More than 1 where the process that had it before died."""
    run_id: str | None = None
    error: str | None = None
    host: str = ""
    pid: int = 0
    process: str = ""
    """Tells its process from a later one with the same pid (``nbops.store.process.this_process()``)."""
    alive_at: float
    """The last sign of life of its process."""
    started_at: float
    ended_at: float | None = None


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """Something around a run that was another when it ran again."""

    what: str
    """``package numpy``, ``python``, ``cpu``, ``variable TZ``, ``input data.csv``, ``module churn.features``."""
    recorded: str
    now: str


Likeness = Literal["equal", "within tolerance", "different", "missing"]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run made, held against what it made when it ran again."""

    kind: Literal["metric", "model", "variable", "file", "artifact", "cell"]
    name: str
    verdict: Likeness
    run: str = ""
    """Name of the part of the session that logged it; empty for the session itself."""
    step: int | None = None
    cell: str = ""
    """How people know the cell that made it: ``In [7]``."""
    execution_id: str | None = None
    recorded: str = ""
    """The number, or the digest of what it was."""
    reproduced: str = ""


class Reproduction(Record, frozen=True, kw_only=True):
    """A run that was run again and compared."""

    run_id: str
    """The run that was reproduced."""
    rerun_id: str
    """The run that ran it again."""
    of: str
    """The result that was asked for: ``metric accuracy = 0.93``, ``churn@3``, ``run train.ipynb``."""
    metric: str | None = None
    model_version_id: str | None = None
    verdict: Literal["equal", "within tolerance", "different", "missing", "unknown", "cancelled"]
    """The worst of its metrics and models, else of its variables; ``unknown`` where nothing could be compared."""
    compared: list[Compared] = []
    differs_at: str | None = None
    """The recorded execution that first gave something else."""
    differs_in: str = ""
    """How people know it: ``In [7]``."""
    causes: list[str] = []
    """Why it differs, as far as what was recorded tells, the most probable one first."""
    discrepancies: list[Discrepancy] = []
    left_out: list[str] = []
    """Executions that were not run again, each with the reason."""
    cells: int = 0
    """How many executions were run again."""
    tolerance: float = 0.0
    """Relative difference up to which a number counts as equal."""
    environment: Literal["this", "rebuilt"] = "this"
    error: CellError | None = None
    notebook: str = ""
    """Path of the executed notebook."""
    started_at: float
    ended_at: float | None = None


NOUNS: tuple[type[Record], ...] = (
    Environment, Run, CellExecution, Secret, Artifact, Dataset, Fit, ModuleVersion, Model, ModelVersion, CheckResult,
    Bundle, Deployment, Endpoint, Window, Sweep, Schedule, Firing, Reproduction,
)  # fmt: skip
"""Every record that is kept under an id, in the order a model lives."""
