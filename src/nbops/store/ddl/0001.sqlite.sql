-- Written by `python -m nbops.store.schema`; frozen with the first release.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at REAL NOT NULL,
    nbops TEXT NOT NULL
);

-- One row for each write, in the same transaction. what: '*' a new record, '-' a removed one, ',a,b' fields that
-- changed; for metrics the rowid, for params the name.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL
);

-- How far each shared store has been told.
CREATE TABLE forwards (
    target TEXT PRIMARY KEY NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL
);

-- What a shared store refused; sync tries again and tells.
CREATE TABLE refused (
    target TEXT NOT NULL,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (target, noun, id, what)
) WITHOUT ROWID;

CREATE TABLE environments (
    "id" TEXT PRIMARY KEY NOT NULL,
    "python" TEXT NOT NULL,
    "platform" TEXT NOT NULL,
    "packages" TEXT NOT NULL,
    "variables" TEXT NOT NULL,
    "machine" TEXT NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE TRIGGER environments_put AFTER INSERT ON environments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('environments', new.id, '*');
END;
CREATE TRIGGER environments_set AFTER UPDATE ON environments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('environments', new.id,
        CASE WHEN new."python" IS NOT old."python" THEN ',python' ELSE '' END ||
        CASE WHEN new."platform" IS NOT old."platform" THEN ',platform' ELSE '' END ||
        CASE WHEN new."packages" IS NOT old."packages" THEN ',packages' ELSE '' END ||
        CASE WHEN new."variables" IS NOT old."variables" THEN ',variables' ELSE '' END ||
        CASE WHEN new."machine" IS NOT old."machine" THEN ',machine' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER environments_gone AFTER DELETE ON environments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('environments', old.id, '-');
END;

CREATE TABLE runs (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "started_at" REAL NOT NULL,
    "ended_at" REAL,
    "parent_id" TEXT,
    "execution_id" TEXT,
    "sweep_id" TEXT,
    "cause" TEXT NOT NULL,
    "firing_id" TEXT,
    "notebook" TEXT,
    "error" TEXT,
    "user" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "process" TEXT NOT NULL,
    "environment_id" TEXT,
    "git_commit" TEXT,
    "git_branch" TEXT,
    "git_dirty" INTEGER,
    "output" TEXT,
    "cwd" TEXT,
    "modules" TEXT NOT NULL,
    "thread_pools" TEXT NOT NULL,
    "tags" TEXT NOT NULL,
    "note" TEXT NOT NULL,
    "archived_at" REAL,
    "deleted_at" REAL
);

CREATE INDEX runs_by_started_at ON runs ("started_at");

CREATE INDEX runs_by_name ON runs ("name");

CREATE INDEX runs_by_notebook_id ON runs ("notebook", "id");

CREATE INDEX runs_by_parent_id ON runs ("parent_id");

CREATE INDEX runs_by_sweep_id ON runs ("sweep_id");

CREATE INDEX runs_by_firing_id ON runs ("firing_id");

CREATE INDEX runs_by_status ON runs ("status");

CREATE INDEX runs_by_deleted_at_archived_at_id ON runs ("deleted_at", "archived_at", "id");

CREATE TRIGGER runs_put AFTER INSERT ON runs BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('runs', new.id, '*');
END;
CREATE TRIGGER runs_set AFTER UPDATE ON runs BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('runs', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."kind" IS NOT old."kind" THEN ',kind' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ended_at" IS NOT old."ended_at" THEN ',ended_at' ELSE '' END ||
        CASE WHEN new."parent_id" IS NOT old."parent_id" THEN ',parent_id' ELSE '' END ||
        CASE WHEN new."execution_id" IS NOT old."execution_id" THEN ',execution_id' ELSE '' END ||
        CASE WHEN new."sweep_id" IS NOT old."sweep_id" THEN ',sweep_id' ELSE '' END ||
        CASE WHEN new."cause" IS NOT old."cause" THEN ',cause' ELSE '' END ||
        CASE WHEN new."firing_id" IS NOT old."firing_id" THEN ',firing_id' ELSE '' END ||
        CASE WHEN new."notebook" IS NOT old."notebook" THEN ',notebook' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."user" IS NOT old."user" THEN ',user' ELSE '' END ||
        CASE WHEN new."host" IS NOT old."host" THEN ',host' ELSE '' END ||
        CASE WHEN new."pid" IS NOT old."pid" THEN ',pid' ELSE '' END ||
        CASE WHEN new."process" IS NOT old."process" THEN ',process' ELSE '' END ||
        CASE WHEN new."environment_id" IS NOT old."environment_id" THEN ',environment_id' ELSE '' END ||
        CASE WHEN new."git_commit" IS NOT old."git_commit" THEN ',git_commit' ELSE '' END ||
        CASE WHEN new."git_branch" IS NOT old."git_branch" THEN ',git_branch' ELSE '' END ||
        CASE WHEN new."git_dirty" IS NOT old."git_dirty" THEN ',git_dirty' ELSE '' END ||
        CASE WHEN new."output" IS NOT old."output" THEN ',output' ELSE '' END ||
        CASE WHEN new."cwd" IS NOT old."cwd" THEN ',cwd' ELSE '' END ||
        CASE WHEN new."modules" IS NOT old."modules" THEN ',modules' ELSE '' END ||
        CASE WHEN new."thread_pools" IS NOT old."thread_pools" THEN ',thread_pools' ELSE '' END ||
        CASE WHEN new."tags" IS NOT old."tags" THEN ',tags' ELSE '' END ||
        CASE WHEN new."note" IS NOT old."note" THEN ',note' ELSE '' END ||
        CASE WHEN new."archived_at" IS NOT old."archived_at" THEN ',archived_at' ELSE '' END ||
        CASE WHEN new."deleted_at" IS NOT old."deleted_at" THEN ',deleted_at' ELSE '' END);
END;
CREATE TRIGGER runs_gone AFTER DELETE ON runs BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('runs', old.id, '-');
END;

CREATE TABLE cells (
    "id" TEXT PRIMARY KEY NOT NULL,
    "run_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "source" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "started_at" REAL NOT NULL,
    "ended_at" REAL,
    "cell_id" TEXT,
    "execution_count" INTEGER,
    "error" TEXT,
    "outputs" TEXT,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "lineage" TEXT,
    "secrets" TEXT
) WITHOUT ROWID;

CREATE INDEX cells_by_run_id_position ON cells ("run_id", "position");

CREATE TRIGGER cells_put AFTER INSERT ON cells BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('cells', new.id, '*');
END;
CREATE TRIGGER cells_set AFTER UPDATE ON cells BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('cells', new.id,
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."position" IS NOT old."position" THEN ',position' ELSE '' END ||
        CASE WHEN new."source" IS NOT old."source" THEN ',source' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ended_at" IS NOT old."ended_at" THEN ',ended_at' ELSE '' END ||
        CASE WHEN new."cell_id" IS NOT old."cell_id" THEN ',cell_id' ELSE '' END ||
        CASE WHEN new."execution_count" IS NOT old."execution_count" THEN ',execution_count' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."outputs" IS NOT old."outputs" THEN ',outputs' ELSE '' END ||
        CASE WHEN new."host" IS NOT old."host" THEN ',host' ELSE '' END ||
        CASE WHEN new."pid" IS NOT old."pid" THEN ',pid' ELSE '' END ||
        CASE WHEN new."lineage" IS NOT old."lineage" THEN ',lineage' ELSE '' END ||
        CASE WHEN new."secrets" IS NOT old."secrets" THEN ',secrets' ELSE '' END);
END;
CREATE TRIGGER cells_gone AFTER DELETE ON cells WHEN EXISTS (SELECT 1 FROM runs WHERE id = old.run_id)
    BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('cells', old.id, '-');
END;

CREATE TABLE secrets (
    "id" TEXT PRIMARY KEY NOT NULL,
    "kind" TEXT NOT NULL,
    "variable" TEXT,
    "at" REAL NOT NULL
);

CREATE TRIGGER secrets_put AFTER INSERT ON secrets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('secrets', new.id, '*');
END;
CREATE TRIGGER secrets_set AFTER UPDATE ON secrets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('secrets', new.id,
        CASE WHEN new."kind" IS NOT old."kind" THEN ',kind' ELSE '' END ||
        CASE WHEN new."variable" IS NOT old."variable" THEN ',variable' ELSE '' END ||
        CASE WHEN new."at" IS NOT old."at" THEN ',at' ELSE '' END);
END;
CREATE TRIGGER secrets_gone AFTER DELETE ON secrets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('secrets', old.id, '-');
END;

CREATE TABLE artifacts (
    "id" TEXT PRIMARY KEY NOT NULL,
    "run_id" TEXT,
    "execution_id" TEXT,
    "name" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "size_bytes" INTEGER NOT NULL,
    "media_type" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "cell" TEXT NOT NULL,
    "of" TEXT NOT NULL,
    "caption" TEXT NOT NULL,
    "at" REAL NOT NULL
);

CREATE INDEX artifacts_by_run_id ON artifacts ("run_id");

CREATE INDEX artifacts_by_digest ON artifacts ("digest");

CREATE INDEX artifacts_by_cell_id ON artifacts ("cell", "id");

CREATE INDEX artifacts_by_of ON artifacts ("of");

CREATE TRIGGER artifacts_put AFTER INSERT ON artifacts BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('artifacts', new.id, '*');
END;
CREATE TRIGGER artifacts_set AFTER UPDATE ON artifacts BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('artifacts', new.id,
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."execution_id" IS NOT old."execution_id" THEN ',execution_id' ELSE '' END ||
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."digest" IS NOT old."digest" THEN ',digest' ELSE '' END ||
        CASE WHEN new."size_bytes" IS NOT old."size_bytes" THEN ',size_bytes' ELSE '' END ||
        CASE WHEN new."media_type" IS NOT old."media_type" THEN ',media_type' ELSE '' END ||
        CASE WHEN new."kind" IS NOT old."kind" THEN ',kind' ELSE '' END ||
        CASE WHEN new."cell" IS NOT old."cell" THEN ',cell' ELSE '' END ||
        CASE WHEN new."of" IS NOT old."of" THEN ',of' ELSE '' END ||
        CASE WHEN new."caption" IS NOT old."caption" THEN ',caption' ELSE '' END ||
        CASE WHEN new."at" IS NOT old."at" THEN ',at' ELSE '' END);
END;
CREATE TRIGGER artifacts_gone AFTER DELETE ON artifacts WHEN EXISTS (SELECT 1 FROM runs WHERE id = old.run_id)
    BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('artifacts', old.id, '-');
END;

CREATE TABLE datasets (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "rows" INTEGER NOT NULL,
    "columns" TEXT NOT NULL,
    "profile_digest" TEXT,
    "run_id" TEXT,
    "at" REAL NOT NULL
);

CREATE INDEX datasets_by_run_id ON datasets ("run_id");

CREATE INDEX datasets_by_fingerprint ON datasets ("fingerprint");

CREATE TRIGGER datasets_put AFTER INSERT ON datasets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('datasets', new.id, '*');
END;
CREATE TRIGGER datasets_set AFTER UPDATE ON datasets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('datasets', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."fingerprint" IS NOT old."fingerprint" THEN ',fingerprint' ELSE '' END ||
        CASE WHEN new."rows" IS NOT old."rows" THEN ',rows' ELSE '' END ||
        CASE WHEN new."columns" IS NOT old."columns" THEN ',columns' ELSE '' END ||
        CASE WHEN new."profile_digest" IS NOT old."profile_digest" THEN ',profile_digest' ELSE '' END ||
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."at" IS NOT old."at" THEN ',at' ELSE '' END);
END;
CREATE TRIGGER datasets_gone AFTER DELETE ON datasets BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('datasets', old.id, '-');
END;

CREATE TABLE fits (
    "id" TEXT PRIMARY KEY NOT NULL,
    "run_id" TEXT NOT NULL,
    "execution_id" TEXT,
    "name" TEXT NOT NULL,
    "type_name" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "calls" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "error" TEXT,
    "started_at" REAL NOT NULL,
    "took_s" REAL NOT NULL,
    "params" TEXT NOT NULL,
    "x" TEXT,
    "y" TEXT,
    "fitted" TEXT NOT NULL,
    "scores" TEXT NOT NULL,
    "model_digest" TEXT,
    "model_bytes" INTEGER,
    "notes" TEXT NOT NULL
);

CREATE INDEX fits_by_run_id ON fits ("run_id");

CREATE TRIGGER fits_put AFTER INSERT ON fits BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('fits', new.id, '*');
END;
CREATE TRIGGER fits_set AFTER UPDATE ON fits BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('fits', new.id,
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."execution_id" IS NOT old."execution_id" THEN ',execution_id' ELSE '' END ||
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."type_name" IS NOT old."type_name" THEN ',type_name' ELSE '' END ||
        CASE WHEN new."method" IS NOT old."method" THEN ',method' ELSE '' END ||
        CASE WHEN new."calls" IS NOT old."calls" THEN ',calls' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."took_s" IS NOT old."took_s" THEN ',took_s' ELSE '' END ||
        CASE WHEN new."params" IS NOT old."params" THEN ',params' ELSE '' END ||
        CASE WHEN new."x" IS NOT old."x" THEN ',x' ELSE '' END ||
        CASE WHEN new."y" IS NOT old."y" THEN ',y' ELSE '' END ||
        CASE WHEN new."fitted" IS NOT old."fitted" THEN ',fitted' ELSE '' END ||
        CASE WHEN new."scores" IS NOT old."scores" THEN ',scores' ELSE '' END ||
        CASE WHEN new."model_digest" IS NOT old."model_digest" THEN ',model_digest' ELSE '' END ||
        CASE WHEN new."model_bytes" IS NOT old."model_bytes" THEN ',model_bytes' ELSE '' END ||
        CASE WHEN new."notes" IS NOT old."notes" THEN ',notes' ELSE '' END);
END;
CREATE TRIGGER fits_gone AFTER DELETE ON fits WHEN EXISTS (SELECT 1 FROM runs WHERE id = old.run_id)
    BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('fits', old.id, '-');
END;

CREATE TABLE module_versions (
    "id" TEXT PRIMARY KEY NOT NULL,
    "module" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "definitions" TEXT NOT NULL,
    "provenance" TEXT NOT NULL,
    "run_id" TEXT,
    "notebook" TEXT,
    "notes" TEXT NOT NULL,
    "parameters" TEXT NOT NULL,
    "pins" TEXT NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE INDEX module_versions_by_module_version ON module_versions ("module", "version");

CREATE INDEX module_versions_by_run_id ON module_versions ("run_id");

CREATE TRIGGER module_versions_put AFTER INSERT ON module_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('module_versions', new.id, '*');
END;
CREATE TRIGGER module_versions_set AFTER UPDATE ON module_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('module_versions', new.id,
        CASE WHEN new."module" IS NOT old."module" THEN ',module' ELSE '' END ||
        CASE WHEN new."version" IS NOT old."version" THEN ',version' ELSE '' END ||
        CASE WHEN new."digest" IS NOT old."digest" THEN ',digest' ELSE '' END ||
        CASE WHEN new."path" IS NOT old."path" THEN ',path' ELSE '' END ||
        CASE WHEN new."source" IS NOT old."source" THEN ',source' ELSE '' END ||
        CASE WHEN new."definitions" IS NOT old."definitions" THEN ',definitions' ELSE '' END ||
        CASE WHEN new."provenance" IS NOT old."provenance" THEN ',provenance' ELSE '' END ||
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."notebook" IS NOT old."notebook" THEN ',notebook' ELSE '' END ||
        CASE WHEN new."notes" IS NOT old."notes" THEN ',notes' ELSE '' END ||
        CASE WHEN new."parameters" IS NOT old."parameters" THEN ',parameters' ELSE '' END ||
        CASE WHEN new."pins" IS NOT old."pins" THEN ',pins' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER module_versions_gone AFTER DELETE ON module_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('module_versions', old.id, '-');
END;

CREATE TABLE models (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "aliases" TEXT NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE INDEX models_by_name ON models ("name");

CREATE TRIGGER models_put AFTER INSERT ON models BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('models', new.id, '*');
END;
CREATE TRIGGER models_set AFTER UPDATE ON models BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('models', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."aliases" IS NOT old."aliases" THEN ',aliases' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER models_gone AFTER DELETE ON models BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('models', old.id, '-');
END;

CREATE TABLE model_versions (
    "id" TEXT PRIMARY KEY NOT NULL,
    "model" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "flavour" TEXT NOT NULL,
    "signature" TEXT NOT NULL,
    "type_name" TEXT NOT NULL,
    "run_id" TEXT,
    "execution_id" TEXT,
    "fit_id" TEXT,
    "dataset_ids" TEXT NOT NULL,
    "module_version_ids" TEXT NOT NULL,
    "params" TEXT NOT NULL,
    "profile_digest" TEXT,
    "evidence_digest" TEXT,
    "types" TEXT NOT NULL,
    "sources" TEXT NOT NULL,
    "notes" TEXT NOT NULL,
    "requirements" TEXT NOT NULL,
    "python" TEXT NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE INDEX model_versions_by_run_id ON model_versions ("run_id");

CREATE UNIQUE INDEX model_versions_by_model_number ON model_versions ("model", "number");

CREATE TRIGGER model_versions_put AFTER INSERT ON model_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('model_versions', new.id, '*');
END;
CREATE TRIGGER model_versions_set AFTER UPDATE ON model_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('model_versions', new.id,
        CASE WHEN new."model" IS NOT old."model" THEN ',model' ELSE '' END ||
        CASE WHEN new."number" IS NOT old."number" THEN ',number' ELSE '' END ||
        CASE WHEN new."digest" IS NOT old."digest" THEN ',digest' ELSE '' END ||
        CASE WHEN new."flavour" IS NOT old."flavour" THEN ',flavour' ELSE '' END ||
        CASE WHEN new."signature" IS NOT old."signature" THEN ',signature' ELSE '' END ||
        CASE WHEN new."type_name" IS NOT old."type_name" THEN ',type_name' ELSE '' END ||
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."execution_id" IS NOT old."execution_id" THEN ',execution_id' ELSE '' END ||
        CASE WHEN new."fit_id" IS NOT old."fit_id" THEN ',fit_id' ELSE '' END ||
        CASE WHEN new."dataset_ids" IS NOT old."dataset_ids" THEN ',dataset_ids' ELSE '' END ||
        CASE WHEN new."module_version_ids" IS NOT old."module_version_ids" THEN ',module_version_ids' ELSE '' END ||
        CASE WHEN new."params" IS NOT old."params" THEN ',params' ELSE '' END ||
        CASE WHEN new."profile_digest" IS NOT old."profile_digest" THEN ',profile_digest' ELSE '' END ||
        CASE WHEN new."evidence_digest" IS NOT old."evidence_digest" THEN ',evidence_digest' ELSE '' END ||
        CASE WHEN new."types" IS NOT old."types" THEN ',types' ELSE '' END ||
        CASE WHEN new."sources" IS NOT old."sources" THEN ',sources' ELSE '' END ||
        CASE WHEN new."notes" IS NOT old."notes" THEN ',notes' ELSE '' END ||
        CASE WHEN new."requirements" IS NOT old."requirements" THEN ',requirements' ELSE '' END ||
        CASE WHEN new."python" IS NOT old."python" THEN ',python' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER model_versions_gone AFTER DELETE ON model_versions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('model_versions', old.id, '-');
END;

CREATE TABLE check_results (
    "id" TEXT PRIMARY KEY NOT NULL,
    "model_version_id" TEXT NOT NULL,
    "check" TEXT NOT NULL,
    "verdict" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "measured" TEXT NOT NULL,
    "at" REAL NOT NULL
);

CREATE INDEX check_results_by_model_version_id ON check_results ("model_version_id");

CREATE TRIGGER check_results_put AFTER INSERT ON check_results BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('check_results', new.id, '*');
END;
CREATE TRIGGER check_results_set AFTER UPDATE ON check_results BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('check_results', new.id,
        CASE WHEN new."model_version_id" IS NOT old."model_version_id" THEN ',model_version_id' ELSE '' END ||
        CASE WHEN new."check" IS NOT old."check" THEN ',check' ELSE '' END ||
        CASE WHEN new."verdict" IS NOT old."verdict" THEN ',verdict' ELSE '' END ||
        CASE WHEN new."message" IS NOT old."message" THEN ',message' ELSE '' END ||
        CASE WHEN new."measured" IS NOT old."measured" THEN ',measured' ELSE '' END ||
        CASE WHEN new."at" IS NOT old."at" THEN ',at' ELSE '' END);
END;
CREATE TRIGGER check_results_gone AFTER DELETE ON check_results BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('check_results', old.id, '-');
END;

CREATE TABLE bundles (
    "id" TEXT PRIMARY KEY NOT NULL,
    "model_version_id" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "rung" TEXT NOT NULL,
    "requirements" TEXT NOT NULL,
    "size_bytes" INTEGER NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE INDEX bundles_by_model_version_id ON bundles ("model_version_id");

CREATE TRIGGER bundles_put AFTER INSERT ON bundles BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('bundles', new.id, '*');
END;
CREATE TRIGGER bundles_set AFTER UPDATE ON bundles BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('bundles', new.id,
        CASE WHEN new."model_version_id" IS NOT old."model_version_id" THEN ',model_version_id' ELSE '' END ||
        CASE WHEN new."digest" IS NOT old."digest" THEN ',digest' ELSE '' END ||
        CASE WHEN new."path" IS NOT old."path" THEN ',path' ELSE '' END ||
        CASE WHEN new."rung" IS NOT old."rung" THEN ',rung' ELSE '' END ||
        CASE WHEN new."requirements" IS NOT old."requirements" THEN ',requirements' ELSE '' END ||
        CASE WHEN new."size_bytes" IS NOT old."size_bytes" THEN ',size_bytes' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER bundles_gone AFTER DELETE ON bundles BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('bundles', old.id, '-');
END;

CREATE TABLE deployments (
    "id" TEXT PRIMARY KEY NOT NULL,
    "endpoint" TEXT NOT NULL,
    "bundle_id" TEXT NOT NULL,
    "model_version_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "engine" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "address" TEXT,
    "handle" TEXT NOT NULL,
    "log_path" TEXT,
    "error" TEXT,
    "started_at" REAL NOT NULL,
    "ready_at" REAL,
    "stopped_at" REAL
);

CREATE INDEX deployments_by_endpoint ON deployments ("endpoint");

CREATE TRIGGER deployments_put AFTER INSERT ON deployments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('deployments', new.id, '*');
END;
CREATE TRIGGER deployments_set AFTER UPDATE ON deployments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('deployments', new.id,
        CASE WHEN new."endpoint" IS NOT old."endpoint" THEN ',endpoint' ELSE '' END ||
        CASE WHEN new."bundle_id" IS NOT old."bundle_id" THEN ',bundle_id' ELSE '' END ||
        CASE WHEN new."model_version_id" IS NOT old."model_version_id" THEN ',model_version_id' ELSE '' END ||
        CASE WHEN new."number" IS NOT old."number" THEN ',number' ELSE '' END ||
        CASE WHEN new."engine" IS NOT old."engine" THEN ',engine' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."address" IS NOT old."address" THEN ',address' ELSE '' END ||
        CASE WHEN new."handle" IS NOT old."handle" THEN ',handle' ELSE '' END ||
        CASE WHEN new."log_path" IS NOT old."log_path" THEN ',log_path' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ready_at" IS NOT old."ready_at" THEN ',ready_at' ELSE '' END ||
        CASE WHEN new."stopped_at" IS NOT old."stopped_at" THEN ',stopped_at' ELSE '' END);
END;
CREATE TRIGGER deployments_gone AFTER DELETE ON deployments BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('deployments', old.id, '-');
END;

CREATE TABLE endpoints (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "engine" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "split" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "handle" TEXT NOT NULL,
    "created_at" REAL NOT NULL,
    "updated_at" REAL NOT NULL
);

CREATE INDEX endpoints_by_name ON endpoints ("name");

CREATE TRIGGER endpoints_put AFTER INSERT ON endpoints BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('endpoints', new.id, '*');
END;
CREATE TRIGGER endpoints_set AFTER UPDATE ON endpoints BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('endpoints', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."engine" IS NOT old."engine" THEN ',engine' ELSE '' END ||
        CASE WHEN new."address" IS NOT old."address" THEN ',address' ELSE '' END ||
        CASE WHEN new."split" IS NOT old."split" THEN ',split' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."handle" IS NOT old."handle" THEN ',handle' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END ||
        CASE WHEN new."updated_at" IS NOT old."updated_at" THEN ',updated_at' ELSE '' END);
END;
CREATE TRIGGER endpoints_gone AFTER DELETE ON endpoints BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('endpoints', old.id, '-');
END;

CREATE TABLE windows (
    "id" TEXT PRIMARY KEY NOT NULL,
    "endpoint" TEXT NOT NULL,
    "scored" TEXT,
    "model_version_id" TEXT NOT NULL,
    "from_at" REAL NOT NULL,
    "to_at" REAL NOT NULL,
    "rows" INTEGER NOT NULL,
    "columns" TEXT NOT NULL,
    "verdict" TEXT NOT NULL,
    "requests" INTEGER NOT NULL,
    "errors" INTEGER NOT NULL,
    "latency_ms" TEXT NOT NULL,
    "at" REAL NOT NULL
);

CREATE INDEX windows_by_endpoint_at ON windows ("endpoint", "at");

CREATE TRIGGER windows_put AFTER INSERT ON windows BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('windows', new.id, '*');
END;
CREATE TRIGGER windows_set AFTER UPDATE ON windows BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('windows', new.id,
        CASE WHEN new."endpoint" IS NOT old."endpoint" THEN ',endpoint' ELSE '' END ||
        CASE WHEN new."scored" IS NOT old."scored" THEN ',scored' ELSE '' END ||
        CASE WHEN new."model_version_id" IS NOT old."model_version_id" THEN ',model_version_id' ELSE '' END ||
        CASE WHEN new."from_at" IS NOT old."from_at" THEN ',from_at' ELSE '' END ||
        CASE WHEN new."to_at" IS NOT old."to_at" THEN ',to_at' ELSE '' END ||
        CASE WHEN new."rows" IS NOT old."rows" THEN ',rows' ELSE '' END ||
        CASE WHEN new."columns" IS NOT old."columns" THEN ',columns' ELSE '' END ||
        CASE WHEN new."verdict" IS NOT old."verdict" THEN ',verdict' ELSE '' END ||
        CASE WHEN new."requests" IS NOT old."requests" THEN ',requests' ELSE '' END ||
        CASE WHEN new."errors" IS NOT old."errors" THEN ',errors' ELSE '' END ||
        CASE WHEN new."latency_ms" IS NOT old."latency_ms" THEN ',latency_ms' ELSE '' END ||
        CASE WHEN new."at" IS NOT old."at" THEN ',at' ELSE '' END);
END;
CREATE TRIGGER windows_gone AFTER DELETE ON windows BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('windows', old.id, '-');
END;

CREATE TABLE sweeps (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "notebook" TEXT NOT NULL,
    "space" TEXT NOT NULL,
    "fixed" TEXT NOT NULL,
    "objective" TEXT,
    "status" TEXT NOT NULL,
    "total" INTEGER NOT NULL,
    "search" TEXT NOT NULL,
    "jobs" INTEGER NOT NULL,
    "timeout_s" REAL,
    "retries" INTEGER NOT NULL,
    "kernel" TEXT,
    "runner" TEXT NOT NULL,
    "scheduler" TEXT,
    "ship" TEXT NOT NULL,
    "best_run_id" TEXT,
    "cause" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "process" TEXT NOT NULL,
    "started_at" REAL NOT NULL,
    "ended_at" REAL
);

CREATE INDEX sweeps_by_started_at ON sweeps ("started_at");

CREATE TRIGGER sweeps_put AFTER INSERT ON sweeps BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('sweeps', new.id, '*');
END;
CREATE TRIGGER sweeps_set AFTER UPDATE ON sweeps BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('sweeps', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."notebook" IS NOT old."notebook" THEN ',notebook' ELSE '' END ||
        CASE WHEN new."space" IS NOT old."space" THEN ',space' ELSE '' END ||
        CASE WHEN new."fixed" IS NOT old."fixed" THEN ',fixed' ELSE '' END ||
        CASE WHEN new."objective" IS NOT old."objective" THEN ',objective' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."total" IS NOT old."total" THEN ',total' ELSE '' END ||
        CASE WHEN new."search" IS NOT old."search" THEN ',search' ELSE '' END ||
        CASE WHEN new."jobs" IS NOT old."jobs" THEN ',jobs' ELSE '' END ||
        CASE WHEN new."timeout_s" IS NOT old."timeout_s" THEN ',timeout_s' ELSE '' END ||
        CASE WHEN new."retries" IS NOT old."retries" THEN ',retries' ELSE '' END ||
        CASE WHEN new."kernel" IS NOT old."kernel" THEN ',kernel' ELSE '' END ||
        CASE WHEN new."runner" IS NOT old."runner" THEN ',runner' ELSE '' END ||
        CASE WHEN new."scheduler" IS NOT old."scheduler" THEN ',scheduler' ELSE '' END ||
        CASE WHEN new."ship" IS NOT old."ship" THEN ',ship' ELSE '' END ||
        CASE WHEN new."best_run_id" IS NOT old."best_run_id" THEN ',best_run_id' ELSE '' END ||
        CASE WHEN new."cause" IS NOT old."cause" THEN ',cause' ELSE '' END ||
        CASE WHEN new."host" IS NOT old."host" THEN ',host' ELSE '' END ||
        CASE WHEN new."pid" IS NOT old."pid" THEN ',pid' ELSE '' END ||
        CASE WHEN new."process" IS NOT old."process" THEN ',process' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ended_at" IS NOT old."ended_at" THEN ',ended_at' ELSE '' END);
END;
CREATE TRIGGER sweeps_gone AFTER DELETE ON sweeps BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('sweeps', old.id, '-');
END;

CREATE TABLE schedules (
    "id" TEXT PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "notebook" TEXT NOT NULL,
    "params" TEXT NOT NULL,
    "cron" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "conditions" TEXT NOT NULL,
    "retries" INTEGER NOT NULL,
    "timeout_s" REAL,
    "kernel" TEXT,
    "runner" TEXT NOT NULL,
    "scheduler" TEXT,
    "ship" TEXT NOT NULL,
    "notify" TEXT NOT NULL,
    "overlap" TEXT NOT NULL,
    "debounce_s" REAL NOT NULL,
    "cooldown_s" REAL NOT NULL,
    "seen" TEXT NOT NULL,
    "image" TEXT,
    "installed" TEXT NOT NULL,
    "paused_at" REAL,
    "active_since" REAL NOT NULL,
    "created_at" REAL NOT NULL
);

CREATE INDEX schedules_by_name ON schedules ("name");

CREATE TRIGGER schedules_put AFTER INSERT ON schedules BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('schedules', new.id, '*');
END;
CREATE TRIGGER schedules_set AFTER UPDATE ON schedules BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('schedules', new.id,
        CASE WHEN new."name" IS NOT old."name" THEN ',name' ELSE '' END ||
        CASE WHEN new."notebook" IS NOT old."notebook" THEN ',notebook' ELSE '' END ||
        CASE WHEN new."params" IS NOT old."params" THEN ',params' ELSE '' END ||
        CASE WHEN new."cron" IS NOT old."cron" THEN ',cron' ELSE '' END ||
        CASE WHEN new."timezone" IS NOT old."timezone" THEN ',timezone' ELSE '' END ||
        CASE WHEN new."conditions" IS NOT old."conditions" THEN ',conditions' ELSE '' END ||
        CASE WHEN new."retries" IS NOT old."retries" THEN ',retries' ELSE '' END ||
        CASE WHEN new."timeout_s" IS NOT old."timeout_s" THEN ',timeout_s' ELSE '' END ||
        CASE WHEN new."kernel" IS NOT old."kernel" THEN ',kernel' ELSE '' END ||
        CASE WHEN new."runner" IS NOT old."runner" THEN ',runner' ELSE '' END ||
        CASE WHEN new."scheduler" IS NOT old."scheduler" THEN ',scheduler' ELSE '' END ||
        CASE WHEN new."ship" IS NOT old."ship" THEN ',ship' ELSE '' END ||
        CASE WHEN new."notify" IS NOT old."notify" THEN ',notify' ELSE '' END ||
        CASE WHEN new."overlap" IS NOT old."overlap" THEN ',overlap' ELSE '' END ||
        CASE WHEN new."debounce_s" IS NOT old."debounce_s" THEN ',debounce_s' ELSE '' END ||
        CASE WHEN new."cooldown_s" IS NOT old."cooldown_s" THEN ',cooldown_s' ELSE '' END ||
        CASE WHEN new."seen" IS NOT old."seen" THEN ',seen' ELSE '' END ||
        CASE WHEN new."image" IS NOT old."image" THEN ',image' ELSE '' END ||
        CASE WHEN new."installed" IS NOT old."installed" THEN ',installed' ELSE '' END ||
        CASE WHEN new."paused_at" IS NOT old."paused_at" THEN ',paused_at' ELSE '' END ||
        CASE WHEN new."active_since" IS NOT old."active_since" THEN ',active_since' ELSE '' END ||
        CASE WHEN new."created_at" IS NOT old."created_at" THEN ',created_at' ELSE '' END);
END;
CREATE TRIGGER schedules_gone AFTER DELETE ON schedules BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('schedules', old.id, '-');
END;

CREATE TABLE firings (
    "id" TEXT PRIMARY KEY NOT NULL,
    "schedule_id" TEXT NOT NULL,
    "schedule" TEXT NOT NULL,
    "due_at" REAL NOT NULL,
    "cause" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "run_id" TEXT,
    "error" TEXT,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "process" TEXT NOT NULL,
    "alive_at" REAL NOT NULL,
    "started_at" REAL NOT NULL,
    "ended_at" REAL
);

CREATE INDEX firings_by_schedule_id ON firings ("schedule_id");

CREATE TRIGGER firings_put AFTER INSERT ON firings BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('firings', new.id, '*');
END;
CREATE TRIGGER firings_set AFTER UPDATE ON firings BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('firings', new.id,
        CASE WHEN new."schedule_id" IS NOT old."schedule_id" THEN ',schedule_id' ELSE '' END ||
        CASE WHEN new."schedule" IS NOT old."schedule" THEN ',schedule' ELSE '' END ||
        CASE WHEN new."due_at" IS NOT old."due_at" THEN ',due_at' ELSE '' END ||
        CASE WHEN new."cause" IS NOT old."cause" THEN ',cause' ELSE '' END ||
        CASE WHEN new."reason" IS NOT old."reason" THEN ',reason' ELSE '' END ||
        CASE WHEN new."status" IS NOT old."status" THEN ',status' ELSE '' END ||
        CASE WHEN new."attempt" IS NOT old."attempt" THEN ',attempt' ELSE '' END ||
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."host" IS NOT old."host" THEN ',host' ELSE '' END ||
        CASE WHEN new."pid" IS NOT old."pid" THEN ',pid' ELSE '' END ||
        CASE WHEN new."process" IS NOT old."process" THEN ',process' ELSE '' END ||
        CASE WHEN new."alive_at" IS NOT old."alive_at" THEN ',alive_at' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ended_at" IS NOT old."ended_at" THEN ',ended_at' ELSE '' END);
END;
CREATE TRIGGER firings_gone AFTER DELETE ON firings BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('firings', old.id, '-');
END;

CREATE TABLE reproductions (
    "id" TEXT PRIMARY KEY NOT NULL,
    "run_id" TEXT NOT NULL,
    "rerun_id" TEXT NOT NULL,
    "of" TEXT NOT NULL,
    "metric" TEXT,
    "model_version_id" TEXT,
    "verdict" TEXT NOT NULL,
    "compared" TEXT NOT NULL,
    "differs_at" TEXT,
    "differs_in" TEXT NOT NULL,
    "causes" TEXT NOT NULL,
    "discrepancies" TEXT NOT NULL,
    "left_out" TEXT NOT NULL,
    "cells" INTEGER NOT NULL,
    "tolerance" REAL NOT NULL,
    "environment" TEXT NOT NULL,
    "error" TEXT,
    "notebook" TEXT NOT NULL,
    "started_at" REAL NOT NULL,
    "ended_at" REAL
);

CREATE INDEX reproductions_by_run_id ON reproductions ("run_id");

CREATE INDEX reproductions_by_rerun_id ON reproductions ("rerun_id");

CREATE TRIGGER reproductions_put AFTER INSERT ON reproductions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('reproductions', new.id, '*');
END;
CREATE TRIGGER reproductions_set AFTER UPDATE ON reproductions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('reproductions', new.id,
        CASE WHEN new."run_id" IS NOT old."run_id" THEN ',run_id' ELSE '' END ||
        CASE WHEN new."rerun_id" IS NOT old."rerun_id" THEN ',rerun_id' ELSE '' END ||
        CASE WHEN new."of" IS NOT old."of" THEN ',of' ELSE '' END ||
        CASE WHEN new."metric" IS NOT old."metric" THEN ',metric' ELSE '' END ||
        CASE WHEN new."model_version_id" IS NOT old."model_version_id" THEN ',model_version_id' ELSE '' END ||
        CASE WHEN new."verdict" IS NOT old."verdict" THEN ',verdict' ELSE '' END ||
        CASE WHEN new."compared" IS NOT old."compared" THEN ',compared' ELSE '' END ||
        CASE WHEN new."differs_at" IS NOT old."differs_at" THEN ',differs_at' ELSE '' END ||
        CASE WHEN new."differs_in" IS NOT old."differs_in" THEN ',differs_in' ELSE '' END ||
        CASE WHEN new."causes" IS NOT old."causes" THEN ',causes' ELSE '' END ||
        CASE WHEN new."discrepancies" IS NOT old."discrepancies" THEN ',discrepancies' ELSE '' END ||
        CASE WHEN new."left_out" IS NOT old."left_out" THEN ',left_out' ELSE '' END ||
        CASE WHEN new."cells" IS NOT old."cells" THEN ',cells' ELSE '' END ||
        CASE WHEN new."tolerance" IS NOT old."tolerance" THEN ',tolerance' ELSE '' END ||
        CASE WHEN new."environment" IS NOT old."environment" THEN ',environment' ELSE '' END ||
        CASE WHEN new."error" IS NOT old."error" THEN ',error' ELSE '' END ||
        CASE WHEN new."notebook" IS NOT old."notebook" THEN ',notebook' ELSE '' END ||
        CASE WHEN new."started_at" IS NOT old."started_at" THEN ',started_at' ELSE '' END ||
        CASE WHEN new."ended_at" IS NOT old."ended_at" THEN ',ended_at' ELSE '' END);
END;
CREATE TRIGGER reproductions_gone AFTER DELETE ON reproductions BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('reproductions', old.id, '-');
END;

-- value is native where SQL has the type; number is what it compares as; type is what it was in Python.
CREATE TABLE params (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value,
    number REAL,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX params_by_number ON params (name, number, run_id);
CREATE INDEX params_by_value ON params (name, value, run_id);
CREATE TRIGGER params_put AFTER INSERT ON params BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('params', new.run_id, new.name);
END;
CREATE TRIGGER params_set AFTER UPDATE ON params BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('params', new.run_id, new.name);
END;

-- A value that is NULL is not a number (NaN).
CREATE TABLE metrics (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER,
    value REAL,
    at REAL NOT NULL
);
CREATE INDEX metrics_by_run_id ON metrics (run_id);

-- The newest value of each metric of a run: what lists show and searches compare.
CREATE TABLE last_metrics (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER,
    value REAL,
    at REAL NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX last_metrics_by_value ON last_metrics (name, value, run_id);
CREATE TRIGGER metrics_put AFTER INSERT ON metrics BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('metrics', new.run_id, new.rowid);
    INSERT INTO last_metrics (run_id, name, step, value, at)
        VALUES (new.run_id, new.name, new.step, new.value, new.at)
        ON CONFLICT (run_id, name) DO UPDATE SET step = excluded.step, value = excluded.value, at = excluded.at;
END;

-- The tags of runs, one row each, kept by the triggers below.
CREATE TABLE tags (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (name, value, run_id);
CREATE TRIGGER runs_tags_put AFTER INSERT ON runs WHEN new.tags <> '{}' BEGIN
    INSERT INTO tags (run_id, name, value) SELECT new.id, key, value FROM json_each(new.tags);
END;
CREATE TRIGGER runs_tags_set AFTER UPDATE OF tags ON runs WHEN new.tags IS NOT old.tags BEGIN
    DELETE FROM tags WHERE run_id = new.id;
    INSERT INTO tags (run_id, name, value) SELECT new.id, key, value FROM json_each(new.tags);
END;
