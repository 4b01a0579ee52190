// Written by `python -m nbops.rest.typescript` from the routes and records in Python; do not edit.

/** Who may ask an endpoint from now on. */
export interface Admitted {
  endpoint: Endpoint;
  keys: string[];
  certificate: string | null;
}

/** Bytes kept by hash, with the name the user gave them. */
export interface Artifact {
  id: string;
  run_id: string | null;
  execution_id: string | null;
  name: string;
  digest: string;
  size_bytes: number;
  media_type: string;
  kind: 'logged' | 'output' | 'plot';
  cell: string;
  of: string;
  caption: string;
  at: number;
}

/** One reason why a definition cannot leave the notebook as it is. */
export interface Blocker {
  name: string;
  kind: 'changed' | 'conflict' | 'data' | 'hidden' | 'magic' | 'proof' | 'secret' | 'session' | 'undefined' | 'unsupported';
  reason: string;
  cell: string | null;
  needed_by: string;
  cures: string[];
  choices: { [name: string]: string };
}

/** What a build made. */
export interface Built {
  name: string;
  version: string;
  wheel: string;
  sdist: string;
  requirements: string[];
}

/** A content-addressed folder from which an image is built. */
export interface Bundle {
  id: string;
  model_version_id: string;
  digest: string;
  path: string;
  rung: string;
  requirements: string[];
  size_bytes: number;
  created_at: number;
}

/** A verb that was called and goes on, and where it stands. */
export interface CallState {
  request: string;
  verb: string;
  started_at: number;
  title: string;
  done: number;
  total: number | null;
  note: string;
}

/** A call was asked for its end, which comes at its next step. */
export interface CallStopped {
  request: string;
}

/** What was cancelled: one of the two. */
export interface Cancelled {
  sweep: Sweep | null;
  run: Run | null;
}

/** The code of one run against the first run's, as a unified diff. */
export interface CellChange {
  run_id: string;
  diff: string;
}

/** An exception as the user saw it. */
export interface CellError {
  name: string;
  message: string;
  traceback: string;
  cell_index: number | null;
}

/** One execution of one cell in a Run. */
export interface CellExecution {
  id: string;
  run_id: string;
  position: number;
  source: string;
  status: 'cancelled' | 'error' | 'exited' | 'interrupted' | 'invalid' | 'ok' | 'running';
  started_at: number;
  ended_at: number | null;
  cell_id: string | null;
  execution_count: number | null;
  error: CellError | null;
  outputs: OutputSummary | null;
  host: string;
  pid: number;
  lineage: Lineage | null;
  secrets: string[] | null;
}

/** An execution, and what has become of it since. */
export interface CellState {
  id: string;
  run_id: string;
  position: number;
  source: string;
  status: 'cancelled' | 'error' | 'exited' | 'interrupted' | 'invalid' | 'ok' | 'running';
  started_at: number;
  ended_at: number | null;
  cell_id: string | null;
  execution_count: number | null;
  error: CellError | null;
  outputs: OutputSummary | null;
  host: string;
  pid: number;
  lineage: Lineage | null;
  secrets: string[] | null;
  stale: string[];
  is_out_of_order: boolean;
  is_edited: boolean;
  is_deleted: boolean;
  is_superseded: boolean;
}

/** One write, for those who follow the store. */
export interface Change {
  seq: number;
  noun: string;
  id: string;
}

/** A check's verdict on a ModelVersion. */
export interface CheckResult {
  id: string;
  model_version_id: string;
  check: string;
  verdict: 'failed' | 'passed' | 'skipped';
  message: string;
  measured: { [name: string]: number };
  at: number;
}

/** What went, or would go. */
export interface Collected {
  applied: boolean;
  older_than_days: number;
  found: Garbage[];
  size_bytes: number;
  kept: string[];
}

/** What is known of one input column from the frame that trained the model. */
export interface Column {
  name: string;
  kind: 'boolean' | 'category' | 'datetime' | 'integer' | 'number' | 'text';
  optional?: boolean;
  minimum?: number | null;
  maximum?: number | null;
  categories?: string[] | null;
}

/** How far one column of a window is from the training profile. */
export interface ColumnDrift {
  column: string;
  test: string;
  statistic: number;
  p_value: number;
  effect: number;
  drifted: boolean;
  message: string;
}

/** One thing that a run made, held against what it made when it ran again. */
export interface Compared {
  kind: 'artifact' | 'cell' | 'file' | 'metric' | 'model' | 'variable';
  name: string;
  verdict: 'different' | 'equal' | 'missing' | 'within tolerance';
  run: string;
  step: number | null;
  cell: string;
  execution_id: string | null;
  recorded: string;
  reproduced: string;
}

/** Two or more runs side by side. */
export interface Comparison {
  runs: Run[];
  params: Difference[];
  metrics: Difference[];
  facts: Difference[];
  packages: Difference[];
  modules: Difference[];
  code: CellChange[];
}

/** How many rows a list has without its limit. */
export interface Count {
  total: number;
}

/** One metric of one run over its steps. */
export interface Curve {
  run_id: string;
  metric: string;
  steps: number[];
  values: number[];
  of_values: number;
}

/** A table seen by a cell or a model, known by its fingerprint and profile. */
export interface Dataset {
  id: string;
  name: string;
  fingerprint: string;
  rows: number;
  columns: string[];
  profile_digest: string | null;
  run_id: string | null;
  at: number;
}

/** One function, class or constant of a module, and the cell it came from. */
export interface Definition {
  name: string;
  kind: 'class' | 'function' | 'import' | 'value';
  digest: string;
  execution_id: string | null;
  cell_id: string | null;
  cell: string | null;
  requested: boolean;
  is_told_apart: boolean;
}

/** One Bundle running on an engine. */
export interface Deployment {
  id: string;
  endpoint: string;
  bundle_id: string;
  model_version_id: string;
  number: number;
  engine: string;
  status: 'failed' | 'ready' | 'starting' | 'stopped';
  address: string | null;
  handle: { [name: string]: string | number };
  log_path: string | null;
  error: string | null;
  started_at: number;
  ready_at: number | null;
  stopped_at: number | null;
}

/** One thing with its value in each run; None where a run does not have it. */
export interface Difference {
  name: string;
  values: unknown[];
  differs: boolean;
}

/** Something around a run that was another when it ran again. */
export interface Discrepancy {
  what: string;
  recorded: string;
  now: string;
}

/** One artifact that stands as a file now. */
export interface Downloaded {
  name: string;
  path: string;
  size_bytes: number;
  is_new: boolean;
}

/** A name that one execution read, and the execution that had written it. */
export interface Edge {
  name: string;
  source_id: string | null;
  evidence: 'digest' | 'named' | 'opaque' | 'sampled' | 'token';
  digest: string;
}

/** A name and a stable address with a split over deployments. */
export interface Endpoint {
  id: string;
  name: string;
  engine: string;
  address: string;
  split: { [name: string]: number };
  status: 'down' | 'stopped' | 'up';
  handle: { [name: string]: string | number };
  created_at: number;
  updated_at: number;
}

/** An endpoint, what answers there, where that came from, and how it fares. */
export interface EndpointState {
  endpoint: Endpoint;
  deployments: Deployment[];
  model: ModelVersion | null;
  run: Run | null;
  cell: CellExecution | null;
  windows: Window[];
}

/** Interpreter, platform and packages; ``id`` is the hash of the rest, so equal environments are one row. */
export interface Environment {
  id: string;
  python: string;
  platform: string;
  packages: { [name: string]: string };
  variables: { [name: string]: string };
  machine: { [name: string]: string };
  created_at: number;
}

/** A model that was written as a folder, and what was measured of it. */
export interface Exported {
  path: string;
  model: string;
  format: string;
  precision: string;
  size_bytes: number;
  float32_bytes: number;
  folder_bytes: number;
  peak_memory_bytes: number | null;
  rows: number;
  worst: number;
  tolerance: number;
  has_page: boolean;
}

/** A file that an execution read or wrote. */
export interface FileTouch {
  path: string;
  action: 'read' | 'written';
  evidence: 'digest' | 'named' | 'opaque' | 'sampled' | 'token';
  size_bytes: number;
  digest: string;
}

/** One thing that was looked at. */
export interface Finding {
  topic: string;
  state: 'missing' | 'ok' | 'warning';
  message: string;
  cure: string | null;
}

/** What became of a call to fire. */
export interface Fired {
  schedule: Schedule;
  message: string;
  firing: Firing | null;
  run: Run | null;
}

/** One time at which a schedule was due; its id is made of both, so that a time is fired once, whoever fires. */
export interface Firing {
  id: string;
  schedule_id: string;
  schedule: string;
  due_at: number;
  cause: 'person' | 'schedule' | 'trigger';
  reason: string;
  status: 'cancelled' | 'failed' | 'finished' | 'interrupted' | 'running' | 'skipped';
  attempt: number;
  run_id: string | null;
  error: string | null;
  host: string;
  pid: number;
  process: string;
  alive_at: number;
  started_at: number;
  ended_at: number | null;
}

/** One call of an estimator's ``fit``, as the user made it; calls inside of it are part of it. */
export interface Fit {
  id: string;
  run_id: string;
  execution_id: string | null;
  name: string;
  type_name: string;
  method: string;
  calls: number;
  status: 'cancelled' | 'failed' | 'finished' | 'interrupted';
  error: CellError | null;
  started_at: number;
  took_s: number;
  params: { [name: string]: unknown };
  x: Seen | null;
  y: Seen | null;
  fitted: { [name: string]: unknown };
  scores: Score[];
  model_digest: string | null;
  model_bytes: number | null;
  notes: string[];
}

/** One kind of things that go. */
export interface Garbage {
  what: string;
  count: number;
  size_bytes: number | null;
}

/** What something was made of, back to cells and files. */
export interface Graph {
  of: string;
  results: string[];
  verdict: 'clean' | 'tainted' | 'unknown';
  nodes: GraphNode[];
  links: GraphLink[];
  left_out: number;
}

/** That one thing was made with another. */
export interface GraphLink {
  made: string;
  of: string;
  names: string[];
}

/** One thing that was made, or that others were made of. */
export interface GraphNode {
  id: string;
  kind: 'bundle' | 'cell' | 'dataset' | 'deployment' | 'endpoint' | 'file' | 'metric' | 'model' | 'module' | 'run' | 'variable';
  name: string;
  about: string;
  status: string;
  doubts: string[];
  opens: string;
  at: number | null;
}

/** A module of the user's own that a run imported, as its file was then. */
export interface ImportedModule {
  name: string;
  path: string;
  digest: string;
  version: string;
  version_id: string | null;
  execution_id: string | null;
}

/** What was put in place. */
export interface Installed {
  target: string;
  paths: string[];
  notes: string[];
}

/** What one execution did to the names, files and random state of its notebook. */
export interface Lineage {
  edges: Edge[];
  writes: Written[];
  deleted: string[];
  unsure: string[];
  files: FileTouch[];
  randomness: RandomState[];
  cpu_s: number | null;
  peak_bytes: number | null;
}

/** A number that a run produced, at a step; the same name may have many rows. */
export interface Metric {
  run_id: string;
  name: string;
  step: number | null;
  value: number;
  at: number;
}

/** A name people say. */
export interface Model {
  id: string;
  name: string;
  aliases: { [name: string]: number };
  created_at: number;
}

/** A model's version with what is known of it. */
export interface ModelState {
  version: ModelVersion;
  aliases: string[];
  checks: CheckResult[];
}

/** One fitted estimator of a Model, tied to what made it. */
export interface ModelVersion {
  id: string;
  model: string;
  number: number;
  digest: string;
  flavour: string;
  signature: Signature;
  type_name: string;
  run_id: string | null;
  execution_id: string | null;
  fit_id: string | null;
  dataset_ids: string[];
  module_version_ids: string[];
  params: { [name: string]: unknown };
  profile_digest: string | null;
  evidence_digest: string | null;
  types: string[];
  sources: { [name: string]: string };
  notes: string[];
  requirements: string[];
  python: string;
  created_at: number;
}

/** A module's version beside another one and the file on disk. */
export interface ModulePage {
  version: ModuleVersion;
  versions: ModuleVersion[];
  other: string | null;
  against_other: string;
  file: 'edited' | 'missing' | 'same';
  against_file: string;
}

/** A module of the project as it stands now. */
export interface ModuleState {
  module: string;
  version: string;
  latest: string;
  path: string;
  state: 'edited' | 'missing' | 'unchanged';
  functions: string[];
  created_at: number;
}

/** Source of functions taken from a notebook, frozen under a content hash. */
export interface ModuleVersion {
  id: string;
  module: string;
  version: string;
  digest: string;
  path: string;
  source: string;
  definitions: Definition[];
  provenance: 'live' | 'static';
  run_id: string | null;
  notebook: string | null;
  notes: string[];
  parameters: string[];
  pins: { [name: string]: string };
  created_at: number;
}

/** A cell's newest execution, and what it has to do with the others. */
export interface NotebookCell {
  execution: CellState;
  reads: string[];
  writes: string[];
  lives: boolean;
}

/** What is recorded of one notebook: its newest run, and each cell's newest execution. */
export interface NotebookCells {
  run: Run | null;
  cells: NotebookCell[];
  executions: number;
}

/** What a result stands on. */
export interface Origin {
  of: string;
  run_id: string;
  verdict: 'clean' | 'reproduced' | 'tainted' | 'unknown';
  reasons: Reason[];
  steps: Step[];
  cells: number;
  reproduction_id: string | null;
}

/** What a cell showed, cut to a bounded size. */
export interface OutputSummary {
  text: string;
  total_bytes: number;
  media_types: string[];
  kept: number;
  left_out: number;
}

/** One record with what belongs to it. */
export interface Page {
  noun: string;
  record: { [name: string]: unknown };
  params: { [name: string]: unknown };
  metrics: Metric[];
  cells: CellExecution[];
  parts: Run[];
  artifacts: Artifact[];
  fits: Fit[];
  modules: ModuleVersion[];
  models: ModelVersion[];
  environment: Environment | null;
  reproductions: Reproduction[];
  trust: { [name: string]: Trust };
  results: SweepResults | null;
  plots: Artifact[];
}

/** One parameter of a notebook, as its parameters cell declares it. */
export interface Parameter {
  name: string;
  type: 'any' | 'bool' | 'date' | 'datetime' | 'dict' | 'float' | 'frozenset' | 'int' | 'list' | 'path' | 'set' | 'str' | 'tuple';
  default: unknown;
  source: string;
  is_optional: boolean;
  low: number | null;
  high: number | null;
  is_log: boolean;
  choices: unknown[] | null;
  help: string;
  constructor: string;
  line: number;
}

/** What was drawn. */
export interface Plotted {
  of: string;
  plots: Artifact[];
  left_out: { [name: string]: string };
  files: string[];
}

/** One run of a sweep. */
export interface Point {
  run_id: string;
  name: string;
  trial: number;
  status: 'cancelled' | 'failed' | 'finished' | 'interrupted' | 'running';
  note: string;
  params: { [name: string]: unknown };
  values: number[] | null;
  metrics: { [name: string]: number };
  is_best: boolean;
  cells: number;
  started_at: number;
  ended_at: number | null;
  seconds: number | null;
}

/** What an endpoint answered. */
export interface Prediction {
  predictions: unknown[];
  model: string;
  request_id: string;
  probabilities: unknown[] | null;
  warnings: unknown[] | null;
}

/** What an export would write, and what is in its way. */
export interface Preview {
  module: string;
  path: string;
  source: string;
  definitions: Definition[];
  blockers: Blocker[];
  notes: string[];
  version: string;
  change: 'first' | 'major' | 'minor' | 'none' | 'patch';
  reasons: string[];
  diff: string;
  provenance: 'live' | 'static';
  is_proven: boolean;
  replacement: string;
}

/** Why a request was not answered. */
export interface Problem {
  type: string;
  title: string;
  detail: string;
  code: string;
  hint: string | null;
  status: number;
}

/** Which project a path belongs to, and where its store stands. */
export interface ProjectState {
  root: string;
  path: string | null;
  name: string;
  store: string;
  exists: boolean;
  seq: number;
  runs: number;
  calls: CallState[];
}

/** A definition that was edited in the module's file, for a new cell of the notebook. */
export interface Pulled {
  name: string;
  source: string;
  is_conflict: boolean;
  notebook: string | null;
  diff: string;
}

/** A process-wide random generator that an execution used or seeded. */
export interface RandomState {
  source: string;
  before: string;
  after: string;
}

/** Why a result cannot be taken as it stands. */
export interface Reason {
  execution_id: string;
  cell: string;
  message: string;
}

/** A run that was run again and compared. */
export interface Reproduction {
  id: string;
  run_id: string;
  rerun_id: string;
  of: string;
  metric: string | null;
  model_version_id: string | null;
  verdict: 'cancelled' | 'different' | 'equal' | 'missing' | 'unknown' | 'within tolerance';
  compared: Compared[];
  differs_at: string | null;
  differs_in: string;
  causes: string[];
  discrepancies: Discrepancy[];
  left_out: string[];
  cells: number;
  tolerance: number;
  environment: 'rebuilt' | 'this';
  error: CellError | null;
  notebook: string;
  started_at: number;
  ended_at: number | null;
}

/** What was taken back: one of the two. */
export interface RolledBack {
  endpoint: Endpoint | null;
  module: ModuleVersion | null;
}

/** One continuous piece of work: a live session, a named part of it, or a papermill execution. */
export interface Run {
  id: string;
  name: string;
  kind: 'named' | 'notebook' | 'session';
  status: 'cancelled' | 'failed' | 'finished' | 'interrupted' | 'running';
  started_at: number;
  ended_at: number | null;
  parent_id: string | null;
  execution_id: string | null;
  sweep_id: string | null;
  cause: string;
  firing_id: string | null;
  notebook: string | null;
  error: CellError | null;
  user: string;
  host: string;
  pid: number;
  process: string;
  environment_id: string | null;
  git_commit: string | null;
  git_branch: string | null;
  git_dirty: boolean | null;
  output: string | null;
  cwd: string | null;
  modules: ImportedModule[];
  thread_pools: ThreadPool[];
  tags: { [name: string]: string };
  note: string;
  archived_at: number | null;
  deleted_at: number | null;
}

/** A run with what a list shows of it: its parameters and the last value of each metric. */
export interface RunSummary {
  run: Run;
  params: { [name: string]: unknown };
  metrics: { [name: string]: number };
  cells: number;
}

/** A notebook that is run again by itself: at the times of a clock, or when a condition holds at such a time. */
export interface Schedule {
  id: string;
  name: string;
  notebook: string;
  params: { [name: string]: string };
  cron: string;
  timezone: string;
  conditions: string[];
  retries: number;
  timeout_s: number | null;
  kernel: string | null;
  runner: string;
  scheduler: string | null;
  ship: string[];
  notify: string[];
  overlap: 'allow' | 'forbid';
  debounce_s: number;
  cooldown_s: number;
  seen: { [name: string]: { [name: string]: string } };
  image: string | null;
  installed: string[];
  paused_at: number | null;
  active_since: number;
  created_at: number;
}

/** A schedule, when it is due next, and how it went last. */
export interface ScheduleState {
  schedule: Schedule;
  next_at: number | null;
  last: Firing | null;
}

/** A schedule that was made or changed. */
export interface Scheduled {
  schedule: Schedule;
  next_at: number;
  installed: Installed[];
  notes: string[];
}

/** A number that says how good a fit is, as the user computed it. */
export interface Score {
  name: string;
  value: number;
  data: string;
  rows: number | null;
  is_training: boolean;
  execution_id: string | null;
  at: number;
}

/** What became of a file. */
export interface Scored {
  path: string;
  rows: number;
  refused: number;
  resumed: number;
}

/** A secret that was masked: what it is and where it may be had, never what it says. */
export interface Secret {
  id: string;
  kind: string;
  variable: string | null;
  at: number;
}

/** Data that was passed to a fit. */
export interface Seen {
  name: string;
  type: string;
  shape: number[];
  dataset_id: string | null;
}

/** One execution of a cell with the displays that are kept of it. */
export interface ShownOutputs {
  execution: CellExecution;
  outputs: Artifact[];
}

/** What goes into a model and what comes out. */
export interface Signature {
  columns: Column[];
  output?: 'class' | 'number' | 'value';
  classes?: (string | number | boolean)[] | null;
  takes?: 'array' | 'frame' | 'rows' | 'series' | 'values';
}

/** What is true of this session and this project. */
export interface Status {
  project: string;
  store: string;
  recording: boolean;
  run: Run | null;
  cells: number;
  notice: string | null;
  overshadowed: string | null;
  counts: { [name: string]: number };
  doubts: string[];
}

/** An execution that a result stands on. */
export interface Step {
  execution_id: string;
  cell: string;
  source: string;
  reads: string[];
  writes: string[];
}

/** Runs made by one search. */
export interface Sweep {
  id: string;
  name: string;
  notebook: string;
  space: { [name: string]: unknown[] };
  fixed: { [name: string]: unknown };
  objective: string | null;
  status: 'cancelled' | 'failed' | 'finished' | 'running';
  total: number;
  search: string;
  jobs: number;
  timeout_s: number | null;
  retries: number;
  kernel: string | null;
  runner: string;
  scheduler: string | null;
  ship: string[];
  best_run_id: string | null;
  cause: string;
  host: string;
  pid: number;
  process: string;
  started_at: number;
  ended_at: number | null;
}

/** A sweep with its points, and what they say of its parameters. */
export interface SweepResults {
  sweep: Sweep;
  objectives: string[];
  points: Point[];
  offset: number;
  counts: { [name: string]: number };
  cells: number | null;
  importance: { [name: string]: number };
  importance_note: string;
}

/** A sweep, and how far it has come. */
export interface SweepState {
  sweep: Sweep;
  ended: number;
  failed: number;
  best: RunSummary | null;
}

/** How the local journal stands against the team's store. */
export interface Synced {
  store: string;
  forwarded: number;
  waiting: number;
  message: string;
}

/** The last lines that a run has printed. */
export interface Tail {
  run: Run;
  text: string;
  left_out: number;
}

/** What replaying a module's recorded calls gave. */
export interface TestReport {
  module: string;
  passed: number;
  failed: string[];
  skipped: number;
  output: string;
}

/** A native library that computes on threads of its own, as a run had it loaded. */
export interface ThreadPool {
  library: string;
  version: string;
  core: string;
  threads: number;
}

/** Whether a result can be taken as it stands. */
export interface Trust {
  verdict: string;
  reasons: string[];
}

/** A schedule that was removed. */
export interface Unscheduled {
  schedule: Schedule;
  notes: string[];
}

/** A stretch of an endpoint's prediction log, measured against the profile of the model that answered. */
export interface Window {
  id: string;
  endpoint: string;
  scored: string | null;
  model_version_id: string;
  from_at: number;
  to_at: number;
  rows: number;
  columns: ColumnDrift[];
  verdict: 'drifted' | 'stable' | 'too few rows';
  requests: number;
  errors: number;
  latency_ms: { [name: string]: number };
  at: number;
}

/** A name that an execution bound, or whose object it changed in place. */
export interface Written {
  name: string;
  evidence: 'digest' | 'named' | 'opaque' | 'sampled' | 'token';
  digest: string;
  version: string;
}

/** Something was written to an nbops store. */
export interface StoreChanged {
  root: string;
  seq: number;
  nouns: string[];
}

/** Where something stands that takes time. */
export interface ProgressTold {
  root: string;
  request: string;
  title: string;
  done: number;
  total: number | null;
  unit: string;
  left: string;
  note: string;
  state: 'running' | 'ended' | 'failed';
}

/** A verb that was called through the REST API is over. */
export interface CallEnded {
  root: string;
  request: string;
  verb: string;
  code: string | null;
  detail: string;
  hint: string | null;
}

export const API = "nbops/api/v1";
export const STORE_CHANGED = "urn:nbops:store-changed:v1";
export const PROGRESS = "urn:nbops:progress:v1";
export const CALL_ENDED = "urn:nbops:call-ended:v1";

/** Every route: what it takes and what it gives. */
export interface Routes {
  /** Describe this API. */
  'openapi.json': { takes: {}; gives: { [name: string]: unknown } };
  /** Say which project a path belongs to, and tell of its news on the event bus from now on. */
  project: { takes: {}; gives: ProjectState };
  /** End a call that takes long at its next step; it answers with the code cancelled. */
  'calls/stop': { takes: { request: string }; gives: CallStopped };
  /** Say what is here, what is missing, and the command that cures it. */
  doctor: { takes: {}; gives: Finding[] };
  /** Say what is true of this session and this project. */
  status: { takes: {}; gives: Status };
  /** List the secrets that were masked in what is recorded, by id and kind. */
  secrets: { takes: {}; gives: Secret[] };
  /** Forward what the local journal still holds to the team's store. */
  sync: { takes: {}; gives: Synced };
  /** List runs, newest first, or those that match an expression. */
  runs: { takes: { where?: string; order_by?: string; limit?: number; offset?: number; archived?: boolean; deleted?: boolean }; gives: RunSummary[] };
  /** List the cells of a run in the order they ran, and say which are stale, edited or out of order. */
  cells: { takes: { run?: string; limit?: number; offset?: number }; gives: CellState[] };
  /** List the fits of a run and of its parts, with their parameters, data, time and scores. */
  fits: { takes: { run?: string; limit?: number; offset?: number }; gives: Fit[] };
  /** Say which cells a result stands on, and whether it can be trusted. */
  lineage: { takes: { id?: string; metric?: string; variable?: string }; gives: Origin };
  /** Follow an endpoint, model, metric or run back to the cells, modules, data and files it was made of. */
  graph: { takes: { id?: string; metric?: string; variable?: string }; gives: Graph };
  /** Run a recorded result again in a fresh kernel, as it ran, and compare what comes out. */
  reproduce: { takes: { id?: string; metric?: string; variable?: string; tolerance?: number; env?: boolean; anyway?: boolean; kernel?: string; timeout?: number }; gives: Reproduction };
  /** Open anything by its id or name: a run, cell, module, model, bundle, endpoint, window. */
  show: { takes: { id?: string }; gives: Page };
  /** Put what a cell showed at its last executions side by side. */
  outputs: { takes: { id: string; limit?: number }; gives: ShownOutputs[] };
  /** Write a run's artifacts, or one artifact, to files. */
  download: { takes: { id?: string; names?: string[]; out?: string; overwrite?: boolean }; gives: Downloaded[] };
  /** Say what differs between runs: parameters, metrics, cells, packages, commits. */
  compare: { takes: { runs: string[] }; gives: Comparison };
  /** Draw a run, several runs, a sweep, a model or an endpoint, and keep the pictures with it. */
  plot: { takes: { ids: string[]; kind?: ('parallel' | 'history' | 'front' | 'metrics' | 'importance' | 'confusion' | 'roc' | 'precision-recall' | 'calibration' | 'residuals' | 'drift' | 'latency')[]; data?: string; target?: string; hours?: number; output?: string }; gives: Plotted };
  /** Set and remove tags of a run, by which runs --where finds it. */
  tag: { takes: { run: string; tags?: { [name: string]: unknown }; remove?: string[] }; gives: Run };
  /** Write a note on a run, in place of the one it has. */
  note: { takes: { run: string; text: string }; gives: Run };
  /** Give a run another name. */
  rename: { takes: { run: string; name: string }; gives: Run };
  /** Take runs out of the lists; nothing of them is lost. */
  archive: { takes: { runs: string[] }; gives: Run[] };
  /** Put runs into the trash, where they stay restorable until gc removes them. */
  delete: { takes: { runs: string[] }; gives: Run[] };
  /** Bring runs back from the trash, or from the archive into the lists. */
  restore: { takes: { runs: string[] }; gives: Run[] };
  /** Remove what has long been in the trash and what no record refers to; without --apply only show it. */
  gc: { takes: { apply?: boolean; older_than?: number }; gives: Collected };
  /** Take functions and classes out of the notebook into a versioned module. */
  extract: { takes: { names: string[]; to: string; notebook?: string; parameter?: string[]; pin?: string[]; definition?: { [name: string]: unknown }; only?: boolean; overwrite?: boolean; accept?: boolean; with_tests?: boolean; replace?: boolean }; gives: ModuleVersion };
  /** Show what extract would write and what is in its way, without writing anything. */
  preview: { takes: { names: string[]; to: string; notebook?: string; parameter?: string[]; pin?: string[]; definition?: { [name: string]: unknown }; only?: boolean; proof?: boolean }; gives: Preview };
  /** List the modules taken from notebooks, and whether their files were edited since. */
  modules: { takes: {}; gives: ModuleState[] };
  /** List every version of a module, newest first. */
  history: { takes: { module: string }; gives: ModuleVersion[] };
  /** Show a module's edits three ways (notebook, recorded, file), or two versions against each other. */
  diff: { takes: { module: string; other?: string; notebook?: string }; gives: string };
  /** Replay the calls that were recorded for a module, and say which give something else. */
  test: { takes: { module: string }; gives: TestReport };
  /** Offer what was edited in a module's file as new cells of the notebook; nothing is overwritten. */
  pull: { takes: { module: string; notebook?: string }; gives: Pulled[] };
  /** Build an installable wheel of a package taken from notebooks. */
  build: { takes: { package: string; out?: string; version?: string; overwrite?: boolean }; gives: Built };
  /** List the typed parameters of a notebook. */
  parameters: { takes: { notebook: string }; gives: Parameter[] };
  /** Run a notebook with parameters through papermill, once, over a grid, or in search of the best. */
  retrain: { takes: { notebook: string; param?: { [name: string]: unknown }; grid?: { [name: string]: unknown }; search?: string[]; trials?: number; sampler?: 'tpe' | 'random' | 'cmaes' | 'nsga2'; prune?: 'median' | 'halving' | 'hyperband' | 'none'; objective?: string; jobs?: number; name?: string; kernel?: string; cold?: boolean; timeout?: number; total_timeout?: number; retries?: number; again?: boolean; runner?: string; scheduler?: string; ship?: string[]; output?: string; notify?: string[] }; gives: Sweep };
  /** Go on with a sweep that was cut short; finished runs are not run again. */
  resume: { takes: { sweep: string; jobs?: number; cold?: boolean; total_timeout?: number; runner?: string; scheduler?: string; notify?: string[] }; gives: Sweep };
  /** Cancel a sweep or a run that is under way, in whatever process. */
  cancel: { takes: { id: string }; gives: Cancelled };
  /** Show the end of what a run has printed, also while it goes on, and how it failed. */
  tail: { takes: { run?: string; lines?: number }; gives: Tail };
  /** List sweeps with their best run. */
  sweeps: { takes: { limit?: number; offset?: number }; gives: Sweep[] };
  /** List what the runs of a sweep tried and reached, the best first, and which parameters mattered. */
  results: { takes: { sweep: string; limit?: number; offset?: number }; gives: SweepResults };
  /** Run a notebook again by itself, at times or when a condition holds. */
  schedule: { takes: { notebook: string; cron?: string; when?: string[]; param?: { [name: string]: unknown }; to?: 'systemd' | 'cron' | 'github' | 'kubernetes'; output?: string; name?: string; timezone?: string; kernel?: string; timeout?: number; retries?: number; runner?: string; scheduler?: string; ship?: string[]; notify?: string[]; overlap?: 'forbid' | 'allow'; debounce?: string; cooldown?: string; image?: string; replace?: boolean }; gives: Scheduled };
  /** List schedules with when they are due next and how they went last. */
  schedules: { takes: { limit?: number; offset?: number }; gives: ScheduleState[] };
  /** List what fired, newest first, or only what one schedule fired. */
  firings: { takes: { schedule?: string; limit?: number; offset?: number }; gives: Firing[] };
  /** Fire a schedule if it is due and nobody has; what its timers call. */
  fire: { takes: { schedule: string; now?: boolean; wait?: boolean }; gives: Fired };
  /** Let a schedule's times pass until it is unpaused. */
  pause: { takes: { schedule: string }; gives: Schedule };
  /** Let a paused schedule fire again, from its next time on. */
  unpause: { takes: { schedule: string }; gives: Schedule };
  /** Remove a schedule and its timers on this machine; its runs stay. */
  unschedule: { takes: { schedule: string }; gives: Unscheduled };
  /** List the models, or the versions of one. */
  models: { takes: { name?: string; limit?: number; offset?: number }; gives: ModelVersion[] };
  /** Run every check on a model version and record the verdicts. */
  check: { takes: { model: string }; gives: CheckResult[] };
  /** Give a model version an alias such as production. */
  promote: { takes: { model?: string; alias?: string; best?: string }; gives: Model };
  /** Predict for every row of a file, batch by batch, resumable. */
  score: { takes: { model: string; source: string; out: string; jobs?: number; bad_rows?: 'keep' | 'reject'; runner?: 'local' | 'dask'; scheduler?: string }; gives: Scored };
  /** Write a model as a folder that answers without nbops, in Python and in the browser. */
  export: { takes: { model: string; format?: 'onnx'; out?: string; precision?: 'float32' | 'float16' | 'int8'; tolerance?: number; page?: boolean; overwrite?: boolean }; gives: Exported };
  /** Put a model behind a stable address, checked before it takes any traffic. */
  deploy: { takes: { model?: string; name?: string; engine?: string; sample?: string; base_image?: string; platform?: string; save?: string; push?: string; isolated?: boolean; port?: number; keys?: string; tls_cert?: string; tls_key?: string }; gives: Endpoint };
  /** List endpoints with what runs behind them. */
  endpoints: { takes: {}; gives: Endpoint[] };
  /** List what runs or ran behind an endpoint, newest first. */
  deployments: { takes: { endpoint?: string; limit?: number; offset?: number }; gives: Deployment[] };
  /** Take an endpoint's API keys and certificate anew from their files, while it goes on answering. */
  access: { takes: { endpoint: string; keys?: string; tls_cert?: string; tls_key?: string }; gives: Admitted };
  /** Ask an endpoint; without rows, with its own example. */
  predict: { takes: { endpoint: string; rows?: string; key?: string }; gives: Prediction };
  /** Go back to what answered before the last deploy, or to an earlier version of a module. */
  rollback: { takes: { name: string; overwrite?: boolean }; gives: RolledBack };
  /** Show the newest lines an endpoint's server wrote. */
  logs: { takes: { endpoint: string; lines?: number }; gives: string };
  /** Stop an endpoint and everything behind it; its records and logs stay. */
  stop: { takes: { endpoint: string }; gives: Endpoint };
  /** Measure drift, latency and errors of an endpoint's requests, or of a scored file, against training. */
  monitor: { takes: { endpoint?: string; hours?: number; scored?: string }; gives: Window };
  /** Count the runs that match an expression. */
  'runs/count': { takes: { where?: string; archived?: boolean; deleted?: boolean }; gives: Count };
  /** Count the cells of a run. */
  'cells/count': { takes: { run?: string }; gives: Count };
  /** Give the metrics of runs over their steps. */
  curves: { takes: { runs: string[] }; gives: Curve[] };
  /** List the writes after a sequence number, oldest first. */
  changes: { takes: { since?: number; limit?: number }; gives: Change[] };
  /** Say what is recorded of one notebook: its newest run and each cell's newest execution. */
  notebook: { takes: { path: string }; gives: NotebookCells };
  /** List sweeps with how far they have come. */
  'sweeps/state': { takes: { limit?: number; offset?: number }; gives: SweepState[] };
  /** Put a module's version beside another one and the file on disk. */
  'modules/page': { takes: { module: string; version?: string; against?: string }; gives: ModulePage };
  /** List model versions, newest first, with their aliases and checks. */
  'models/state': { takes: { limit?: number; offset?: number }; gives: ModelState[] };
  /** Give one model version with its aliases and checks. */
  'models/one': { takes: { model: string }; gives: ModelState };
  /** List endpoints with what answers there, where that came from, and how it fares. */
  'endpoints/state': { takes: { name?: string }; gives: EndpointState[] };
  /** Download the bytes of an artifact. */
  content: { takes: { id: string }; gives: Blob };
  /** List Environment records, newest first, narrowed by their fields. */
  'records/environments': { takes: { id?: string; python?: string; platform?: string; order_by?: string; limit?: number; offset?: number }; gives: Environment[] };
  /** List Run records, newest first, narrowed by their fields. */
  'records/runs': { takes: { id?: string; name?: string; kind?: 'session' | 'named' | 'notebook'; status?: 'running' | 'finished' | 'failed' | 'interrupted' | 'cancelled'; parent_id?: string; execution_id?: string; sweep_id?: string; cause?: string; firing_id?: string; notebook?: string; user?: string; host?: string; pid?: number; process?: string; environment_id?: string; git_commit?: string; git_branch?: string; git_dirty?: boolean; output?: string; cwd?: string; note?: string; order_by?: string; limit?: number; offset?: number }; gives: Run[] };
  /** List CellExecution records, newest first, narrowed by their fields. */
  'records/cells': { takes: { id?: string; run_id?: string; position?: number; source?: string; status?: 'running' | 'ok' | 'error' | 'interrupted' | 'cancelled' | 'exited' | 'invalid'; cell_id?: string; execution_count?: number; host?: string; pid?: number; order_by?: string; limit?: number; offset?: number }; gives: CellExecution[] };
  /** List Secret records, newest first, narrowed by their fields. */
  'records/secrets': { takes: { id?: string; kind?: string; variable?: string; order_by?: string; limit?: number; offset?: number }; gives: Secret[] };
  /** List Artifact records, newest first, narrowed by their fields. */
  'records/artifacts': { takes: { id?: string; run_id?: string; execution_id?: string; name?: string; digest?: string; size_bytes?: number; media_type?: string; kind?: 'logged' | 'output' | 'plot'; cell?: string; of?: string; caption?: string; order_by?: string; limit?: number; offset?: number }; gives: Artifact[] };
  /** List Dataset records, newest first, narrowed by their fields. */
  'records/datasets': { takes: { id?: string; name?: string; fingerprint?: string; rows?: number; profile_digest?: string; run_id?: string; order_by?: string; limit?: number; offset?: number }; gives: Dataset[] };
  /** List Fit records, newest first, narrowed by their fields. */
  'records/fits': { takes: { id?: string; run_id?: string; execution_id?: string; name?: string; type_name?: string; method?: string; calls?: number; status?: 'finished' | 'failed' | 'interrupted' | 'cancelled'; model_digest?: string; model_bytes?: number; order_by?: string; limit?: number; offset?: number }; gives: Fit[] };
  /** List ModuleVersion records, newest first, narrowed by their fields. */
  'records/module_versions': { takes: { id?: string; module?: string; version?: string; digest?: string; path?: string; source?: string; provenance?: 'live' | 'static'; run_id?: string; notebook?: string; order_by?: string; limit?: number; offset?: number }; gives: ModuleVersion[] };
  /** List Model records, newest first, narrowed by their fields. */
  'records/models': { takes: { id?: string; name?: string; order_by?: string; limit?: number; offset?: number }; gives: Model[] };
  /** List ModelVersion records, newest first, narrowed by their fields. */
  'records/model_versions': { takes: { id?: string; model?: string; number?: number; digest?: string; flavour?: string; type_name?: string; run_id?: string; execution_id?: string; fit_id?: string; profile_digest?: string; evidence_digest?: string; python?: string; order_by?: string; limit?: number; offset?: number }; gives: ModelVersion[] };
  /** List CheckResult records, newest first, narrowed by their fields. */
  'records/check_results': { takes: { id?: string; model_version_id?: string; check?: string; verdict?: 'passed' | 'failed' | 'skipped'; message?: string; order_by?: string; limit?: number; offset?: number }; gives: CheckResult[] };
  /** List Bundle records, newest first, narrowed by their fields. */
  'records/bundles': { takes: { id?: string; model_version_id?: string; digest?: string; path?: string; rung?: string; size_bytes?: number; order_by?: string; limit?: number; offset?: number }; gives: Bundle[] };
  /** List Deployment records, newest first, narrowed by their fields. */
  'records/deployments': { takes: { id?: string; endpoint?: string; bundle_id?: string; model_version_id?: string; number?: number; engine?: string; status?: 'starting' | 'ready' | 'failed' | 'stopped'; address?: string; log_path?: string; error?: string; order_by?: string; limit?: number; offset?: number }; gives: Deployment[] };
  /** List Endpoint records, newest first, narrowed by their fields. */
  'records/endpoints': { takes: { id?: string; name?: string; engine?: string; address?: string; status?: 'up' | 'down' | 'stopped'; order_by?: string; limit?: number; offset?: number }; gives: Endpoint[] };
  /** List Window records, newest first, narrowed by their fields. */
  'records/windows': { takes: { id?: string; endpoint?: string; scored?: string; model_version_id?: string; rows?: number; verdict?: 'stable' | 'drifted' | 'too few rows'; requests?: number; errors?: number; order_by?: string; limit?: number; offset?: number }; gives: Window[] };
  /** List Sweep records, newest first, narrowed by their fields. */
  'records/sweeps': { takes: { id?: string; name?: string; notebook?: string; objective?: string; status?: 'running' | 'finished' | 'failed' | 'cancelled'; total?: number; search?: string; jobs?: number; retries?: number; kernel?: string; runner?: string; scheduler?: string; best_run_id?: string; cause?: string; host?: string; pid?: number; process?: string; order_by?: string; limit?: number; offset?: number }; gives: Sweep[] };
  /** List Schedule records, newest first, narrowed by their fields. */
  'records/schedules': { takes: { id?: string; name?: string; notebook?: string; cron?: string; timezone?: string; retries?: number; kernel?: string; runner?: string; scheduler?: string; overlap?: 'forbid' | 'allow'; image?: string; order_by?: string; limit?: number; offset?: number }; gives: Schedule[] };
  /** List Firing records, newest first, narrowed by their fields. */
  'records/firings': { takes: { id?: string; schedule_id?: string; schedule?: string; cause?: 'schedule' | 'trigger' | 'person'; reason?: string; status?: 'running' | 'finished' | 'failed' | 'cancelled' | 'interrupted' | 'skipped'; attempt?: number; run_id?: string; error?: string; host?: string; pid?: number; process?: string; order_by?: string; limit?: number; offset?: number }; gives: Firing[] };
  /** List Reproduction records, newest first, narrowed by their fields. */
  'records/reproductions': { takes: { id?: string; run_id?: string; rerun_id?: string; of?: string; metric?: string; model_version_id?: string; verdict?: 'equal' | 'within tolerance' | 'different' | 'missing' | 'unknown' | 'cancelled'; differs_at?: string; differs_in?: string; cells?: number; environment?: 'this' | 'rebuilt'; notebook?: string; order_by?: string; limit?: number; offset?: number }; gives: Reproduction[] };
}

/** The method of every route that changes something; of all others it is GET. */
export const METHODS: { [name in keyof Routes]?: 'POST' | 'DELETE' } = {
  'calls/stop': 'POST',
  sync: 'POST',
  reproduce: 'POST',
  download: 'POST',
  plot: 'POST',
  tag: 'POST',
  note: 'POST',
  rename: 'POST',
  archive: 'POST',
  delete: 'POST',
  restore: 'POST',
  gc: 'POST',
  extract: 'POST',
  preview: 'POST',
  test: 'POST',
  pull: 'POST',
  build: 'POST',
  retrain: 'POST',
  resume: 'POST',
  cancel: 'POST',
  schedule: 'POST',
  fire: 'POST',
  pause: 'POST',
  unpause: 'POST',
  unschedule: 'POST',
  check: 'POST',
  promote: 'POST',
  score: 'POST',
  export: 'POST',
  deploy: 'POST',
  access: 'POST',
  predict: 'POST',
  rollback: 'POST',
  stop: 'POST',
  monitor: 'POST'
};
