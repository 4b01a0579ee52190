-- Written by `python -m nbops.store.schema`; frozen with the first release.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    nbops TEXT NOT NULL
);

CREATE TABLE changes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL
);

CREATE FUNCTION nbops_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A follower reads by number, so numbers must become visible in order: writers take turns.
    PERFORM pg_advisory_xact_lock(hashtext('nbops'), hashtext(current_schema()));
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, OLD.id, '-');
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, NEW.id, '*');
    ELSIF NEW IS DISTINCT FROM OLD THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, NEW.id, ',');
    END IF;
    PERFORM pg_notify('nbops', TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE TABLE environments (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "python" TEXT COLLATE "C" NOT NULL,
    "platform" TEXT COLLATE "C" NOT NULL,
    "packages" TEXT COLLATE "C" NOT NULL,
    "variables" TEXT COLLATE "C" NOT NULL,
    "machine" TEXT COLLATE "C" NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE TRIGGER environments_changed AFTER INSERT OR UPDATE OR DELETE ON environments
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE runs (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "started_at" DOUBLE PRECISION NOT NULL,
    "ended_at" DOUBLE PRECISION,
    "parent_id" TEXT COLLATE "C",
    "execution_id" TEXT COLLATE "C",
    "sweep_id" TEXT COLLATE "C",
    "cause" TEXT COLLATE "C" NOT NULL,
    "firing_id" TEXT COLLATE "C",
    "notebook" TEXT COLLATE "C",
    "error" TEXT COLLATE "C",
    "user" TEXT COLLATE "C" NOT NULL,
    "host" TEXT COLLATE "C" NOT NULL,
    "pid" BIGINT NOT NULL,
    "process" TEXT COLLATE "C" NOT NULL,
    "environment_id" TEXT COLLATE "C",
    "git_commit" TEXT COLLATE "C",
    "git_branch" TEXT COLLATE "C",
    "git_dirty" BIGINT,
    "output" TEXT COLLATE "C",
    "cwd" TEXT COLLATE "C",
    "modules" TEXT COLLATE "C" NOT NULL,
    "thread_pools" TEXT COLLATE "C" NOT NULL,
    "tags" TEXT COLLATE "C" NOT NULL,
    "note" TEXT COLLATE "C" NOT NULL,
    "archived_at" DOUBLE PRECISION,
    "deleted_at" DOUBLE PRECISION
);

CREATE INDEX runs_by_started_at ON runs ("started_at");

CREATE INDEX runs_by_name ON runs ("name");

CREATE INDEX runs_by_notebook_id ON runs ("notebook", "id");

CREATE INDEX runs_by_parent_id ON runs ("parent_id");

CREATE INDEX runs_by_sweep_id ON runs ("sweep_id");

CREATE INDEX runs_by_firing_id ON runs ("firing_id");

CREATE INDEX runs_by_status ON runs ("status");

CREATE INDEX runs_by_deleted_at_archived_at_id ON runs ("deleted_at", "archived_at", "id");

CREATE TRIGGER runs_changed AFTER INSERT OR UPDATE OR DELETE ON runs
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE cells (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "run_id" TEXT COLLATE "C" NOT NULL,
    "position" BIGINT NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "started_at" DOUBLE PRECISION NOT NULL,
    "ended_at" DOUBLE PRECISION,
    "cell_id" TEXT COLLATE "C",
    "execution_count" BIGINT,
    "error" TEXT COLLATE "C",
    "outputs" TEXT COLLATE "C",
    "host" TEXT COLLATE "C" NOT NULL,
    "pid" BIGINT NOT NULL,
    "lineage" TEXT COLLATE "C",
    "secrets" TEXT COLLATE "C"
);

CREATE INDEX cells_by_run_id_position ON cells ("run_id", "position");

CREATE TRIGGER cells_changed AFTER INSERT OR UPDATE OR DELETE ON cells
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE secrets (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "variable" TEXT COLLATE "C",
    "at" DOUBLE PRECISION NOT NULL
);

CREATE TRIGGER secrets_changed AFTER INSERT OR UPDATE OR DELETE ON secrets
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE artifacts (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "run_id" TEXT COLLATE "C",
    "execution_id" TEXT COLLATE "C",
    "name" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "media_type" TEXT COLLATE "C" NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "cell" TEXT COLLATE "C" NOT NULL,
    "of" TEXT COLLATE "C" NOT NULL,
    "caption" TEXT COLLATE "C" NOT NULL,
    "at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX artifacts_by_run_id ON artifacts ("run_id");

CREATE INDEX artifacts_by_digest ON artifacts ("digest");

CREATE INDEX artifacts_by_cell_id ON artifacts ("cell", "id");

CREATE INDEX artifacts_by_of ON artifacts ("of");

CREATE TRIGGER artifacts_changed AFTER INSERT OR UPDATE OR DELETE ON artifacts
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE datasets (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "fingerprint" TEXT COLLATE "C" NOT NULL,
    "rows" BIGINT NOT NULL,
    "columns" TEXT COLLATE "C" NOT NULL,
    "profile_digest" TEXT COLLATE "C",
    "run_id" TEXT COLLATE "C",
    "at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX datasets_by_run_id ON datasets ("run_id");

CREATE INDEX datasets_by_fingerprint ON datasets ("fingerprint");

CREATE TRIGGER datasets_changed AFTER INSERT OR UPDATE OR DELETE ON datasets
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE fits (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "run_id" TEXT COLLATE "C" NOT NULL,
    "execution_id" TEXT COLLATE "C",
    "name" TEXT COLLATE "C" NOT NULL,
    "type_name" TEXT COLLATE "C" NOT NULL,
    "method" TEXT COLLATE "C" NOT NULL,
    "calls" BIGINT NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "error" TEXT COLLATE "C",
    "started_at" DOUBLE PRECISION NOT NULL,
    "took_s" DOUBLE PRECISION NOT NULL,
    "params" TEXT COLLATE "C" NOT NULL,
    "x" TEXT COLLATE "C",
    "y" TEXT COLLATE "C",
    "fitted" TEXT COLLATE "C" NOT NULL,
    "scores" TEXT COLLATE "C" NOT NULL,
    "model_digest" TEXT COLLATE "C",
    "model_bytes" BIGINT,
    "notes" TEXT COLLATE "C" NOT NULL
);

CREATE INDEX fits_by_run_id ON fits ("run_id");

CREATE TRIGGER fits_changed AFTER INSERT OR UPDATE OR DELETE ON fits
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE module_versions (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "module" TEXT COLLATE "C" NOT NULL,
    "version" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "path" TEXT COLLATE "C" NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "definitions" TEXT COLLATE "C" NOT NULL,
    "provenance" TEXT COLLATE "C" NOT NULL,
    "run_id" TEXT COLLATE "C",
    "notebook" TEXT COLLATE "C",
    "notes" TEXT COLLATE "C" NOT NULL,
    "parameters" TEXT COLLATE "C" NOT NULL,
    "pins" TEXT COLLATE "C" NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX module_versions_by_module_version ON module_versions ("module", "version");

CREATE INDEX module_versions_by_run_id ON module_versions ("run_id");

CREATE TRIGGER module_versions_changed AFTER INSERT OR UPDATE OR DELETE ON module_versions
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE models (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "aliases" TEXT COLLATE "C" NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX models_by_name ON models ("name");

CREATE TRIGGER models_changed AFTER INSERT OR UPDATE OR DELETE ON models
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE model_versions (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "model" TEXT COLLATE "C" NOT NULL,
    "number" BIGINT NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "flavour" TEXT COLLATE "C" NOT NULL,
    "signature" TEXT COLLATE "C" NOT NULL,
    "type_name" TEXT COLLATE "C" NOT NULL,
    "run_id" TEXT COLLATE "C",
    "execution_id" TEXT COLLATE "C",
    "fit_id" TEXT COLLATE "C",
    "dataset_ids" TEXT COLLATE "C" NOT NULL,
    "module_version_ids" TEXT COLLATE "C" NOT NULL,
    "params" TEXT COLLATE "C" NOT NULL,
    "profile_digest" TEXT COLLATE "C",
    "evidence_digest" TEXT COLLATE "C",
    "types" TEXT COLLATE "C" NOT NULL,
    "sources" TEXT COLLATE "C" NOT NULL,
    "notes" TEXT COLLATE "C" NOT NULL,
    "requirements" TEXT COLLATE "C" NOT NULL,
    "python" TEXT COLLATE "C" NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX model_versions_by_run_id ON model_versions ("run_id");

CREATE UNIQUE INDEX model_versions_by_model_number ON model_versions ("model", "number");

CREATE TRIGGER model_versions_changed AFTER INSERT OR UPDATE OR DELETE ON model_versions
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE check_results (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "model_version_id" TEXT COLLATE "C" NOT NULL,
    "check" TEXT COLLATE "C" NOT NULL,
    "verdict" TEXT COLLATE "C" NOT NULL,
    "message" TEXT COLLATE "C" NOT NULL,
    "measured" TEXT COLLATE "C" NOT NULL,
    "at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX check_results_by_model_version_id ON check_results ("model_version_id");

CREATE TRIGGER check_results_changed AFTER INSERT OR UPDATE OR DELETE ON check_results
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE bundles (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "model_version_id" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "path" TEXT COLLATE "C" NOT NULL,
    "rung" TEXT COLLATE "C" NOT NULL,
    "requirements" TEXT COLLATE "C" NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX bundles_by_model_version_id ON bundles ("model_version_id");

CREATE TRIGGER bundles_changed AFTER INSERT OR UPDATE OR DELETE ON bundles
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE deployments (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "endpoint" TEXT COLLATE "C" NOT NULL,
    "bundle_id" TEXT COLLATE "C" NOT NULL,
    "model_version_id" TEXT COLLATE "C" NOT NULL,
    "number" BIGINT NOT NULL,
    "engine" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "address" TEXT COLLATE "C",
    "handle" TEXT COLLATE "C" NOT NULL,
    "log_path" TEXT COLLATE "C",
    "error" TEXT COLLATE "C",
    "started_at" DOUBLE PRECISION NOT NULL,
    "ready_at" DOUBLE PRECISION,
    "stopped_at" DOUBLE PRECISION
);

CREATE INDEX deployments_by_endpoint ON deployments ("endpoint");

CREATE TRIGGER deployments_changed AFTER INSERT OR UPDATE OR DELETE ON deployments
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE endpoints (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "engine" TEXT COLLATE "C" NOT NULL,
    "address" TEXT COLLATE "C" NOT NULL,
    "split" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "handle" TEXT COLLATE "C" NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL,
    "updated_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX endpoints_by_name ON endpoints ("name");

CREATE TRIGGER endpoints_changed AFTER INSERT OR UPDATE OR DELETE ON endpoints
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE windows (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "endpoint" TEXT COLLATE "C" NOT NULL,
    "scored" TEXT COLLATE "C",
    "model_version_id" TEXT COLLATE "C" NOT NULL,
    "from_at" DOUBLE PRECISION NOT NULL,
    "to_at" DOUBLE PRECISION NOT NULL,
    "rows" BIGINT NOT NULL,
    "columns" TEXT COLLATE "C" NOT NULL,
    "verdict" TEXT COLLATE "C" NOT NULL,
    "requests" BIGINT NOT NULL,
    "errors" BIGINT NOT NULL,
    "latency_ms" TEXT COLLATE "C" NOT NULL,
    "at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX windows_by_endpoint_at ON windows ("endpoint", "at");

CREATE TRIGGER windows_changed AFTER INSERT OR UPDATE OR DELETE ON windows
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE sweeps (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "notebook" TEXT COLLATE "C" NOT NULL,
    "space" TEXT COLLATE "C" NOT NULL,
    "fixed" TEXT COLLATE "C" NOT NULL,
    "objective" TEXT COLLATE "C",
    "status" TEXT COLLATE "C" NOT NULL,
    "total" BIGINT NOT NULL,
    "search" TEXT COLLATE "C" NOT NULL,
    "jobs" BIGINT NOT NULL,
    "timeout_s" DOUBLE PRECISION,
    "retries" BIGINT NOT NULL,
    "kernel" TEXT COLLATE "C",
    "runner" TEXT COLLATE "C" NOT NULL,
    "scheduler" TEXT COLLATE "C",
    "ship" TEXT COLLATE "C" NOT NULL,
    "best_run_id" TEXT COLLATE "C",
    "cause" TEXT COLLATE "C" NOT NULL,
    "host" TEXT COLLATE "C" NOT NULL,
    "pid" BIGINT NOT NULL,
    "process" TEXT COLLATE "C" NOT NULL,
    "started_at" DOUBLE PRECISION NOT NULL,
    "ended_at" DOUBLE PRECISION
);

CREATE INDEX sweeps_by_started_at ON sweeps ("started_at");

CREATE TRIGGER sweeps_changed AFTER INSERT OR UPDATE OR DELETE ON sweeps
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE schedules (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "notebook" TEXT COLLATE "C" NOT NULL,
    "params" TEXT COLLATE "C" NOT NULL,
    "cron" TEXT COLLATE "C" NOT NULL,
    "timezone" TEXT COLLATE "C" NOT NULL,
    "conditions" TEXT COLLATE "C" NOT NULL,
    "retries" BIGINT NOT NULL,
    "timeout_s" DOUBLE PRECISION,
    "kernel" TEXT COLLATE "C",
    "runner" TEXT COLLATE "C" NOT NULL,
    "scheduler" TEXT COLLATE "C",
    "ship" TEXT COLLATE "C" NOT NULL,
    "notify" TEXT COLLATE "C" NOT NULL,
    "overlap" TEXT COLLATE "C" NOT NULL,
    "debounce_s" DOUBLE PRECISION NOT NULL,
    "cooldown_s" DOUBLE PRECISION NOT NULL,
    "seen" TEXT COLLATE "C" NOT NULL,
    "image" TEXT COLLATE "C",
    "installed" TEXT COLLATE "C" NOT NULL,
    "paused_at" DOUBLE PRECISION,
    "active_since" DOUBLE PRECISION NOT NULL,
    "created_at" DOUBLE PRECISION NOT NULL
);

CREATE INDEX schedules_by_name ON schedules ("name");

CREATE TRIGGER schedules_changed AFTER INSERT OR UPDATE OR DELETE ON schedules
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE firings (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "schedule_id" TEXT COLLATE "C" NOT NULL,
    "schedule" TEXT COLLATE "C" NOT NULL,
    "due_at" DOUBLE PRECISION NOT NULL,
    "cause" TEXT COLLATE "C" NOT NULL,
    "reason" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C" NOT NULL,
    "attempt" BIGINT NOT NULL,
    "run_id" TEXT COLLATE "C",
    "error" TEXT COLLATE "C",
    "host" TEXT COLLATE "C" NOT NULL,
    "pid" BIGINT NOT NULL,
    "process" TEXT COLLATE "C" NOT NULL,
    "alive_at" DOUBLE PRECISION NOT NULL,
    "started_at" DOUBLE PRECISION NOT NULL,
    "ended_at" DOUBLE PRECISION
);

CREATE INDEX firings_by_schedule_id ON firings ("schedule_id");

CREATE TRIGGER firings_changed AFTER INSERT OR UPDATE OR DELETE ON firings
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE reproductions (
    "id" TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    "run_id" TEXT COLLATE "C" NOT NULL,
    "rerun_id" TEXT COLLATE "C" NOT NULL,
    "of" TEXT COLLATE "C" NOT NULL,
    "metric" TEXT COLLATE "C",
    "model_version_id" TEXT COLLATE "C",
    "verdict" TEXT COLLATE "C" NOT NULL,
    "compared" TEXT COLLATE "C" NOT NULL,
    "differs_at" TEXT COLLATE "C",
    "differs_in" TEXT COLLATE "C" NOT NULL,
    "causes" TEXT COLLATE "C" NOT NULL,
    "discrepancies" TEXT COLLATE "C" NOT NULL,
    "left_out" TEXT COLLATE "C" NOT NULL,
    "cells" BIGINT NOT NULL,
    "tolerance" DOUBLE PRECISION NOT NULL,
    "environment" TEXT COLLATE "C" NOT NULL,
    "error" TEXT COLLATE "C",
    "notebook" TEXT COLLATE "C" NOT NULL,
    "started_at" DOUBLE PRECISION NOT NULL,
    "ended_at" DOUBLE PRECISION
);

CREATE INDEX reproductions_by_run_id ON reproductions ("run_id");

CREATE INDEX reproductions_by_rerun_id ON reproductions ("rerun_id");

CREATE TRIGGER reproductions_changed AFTER INSERT OR UPDATE OR DELETE ON reproductions
    FOR EACH ROW EXECUTE FUNCTION nbops_changed();

CREATE TABLE params (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    number DOUBLE PRECISION,
    type TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX params_by_number ON params (name, number, run_id);
CREATE INDEX params_by_value ON params (name, left(value, 200), run_id);

-- number is the value's place in the journal it came from, so that forwarding it twice adds it once.
CREATE TABLE metrics (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    step BIGINT,
    value DOUBLE PRECISION,
    at DOUBLE PRECISION NOT NULL,
    number BIGINT,
    UNIQUE (run_id, number, name, at)
);

CREATE TABLE last_metrics (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    step BIGINT,
    value DOUBLE PRECISION,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX last_metrics_by_value ON last_metrics (name, value, run_id);

CREATE FUNCTION nbops_value_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nbops'), hashtext(current_schema()));
    IF TG_TABLE_NAME = 'metrics' THEN
        INSERT INTO last_metrics (run_id, name, step, value, at)
            SELECT DISTINCT ON (run_id, name) run_id, name, step, value, at FROM logged ORDER BY run_id, name, seq DESC
            ON CONFLICT (run_id, name) DO UPDATE SET step = excluded.step, value = excluded.value, at = excluded.at;
    END IF;
    INSERT INTO changes (noun, id, what) SELECT DISTINCT TG_TABLE_NAME, run_id, '*' FROM logged;
    PERFORM pg_notify('nbops', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER metrics_logged AFTER INSERT ON metrics
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();
CREATE TRIGGER params_logged AFTER INSERT ON params
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();
CREATE TRIGGER params_replaced AFTER UPDATE ON params
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();

CREATE TABLE tags (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX tags_by_value ON tags (name, left(value, 200), run_id);

CREATE FUNCTION nbops_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.tags = OLD.tags THEN
        RETURN NULL;
    END IF;
    DELETE FROM tags WHERE run_id = NEW.id;
    INSERT INTO tags (run_id, name, value) SELECT NEW.id, key, value FROM jsonb_each_text(NEW.tags::jsonb);
    RETURN NULL;
END $$;
CREATE TRIGGER runs_tags AFTER INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION nbops_tags();
