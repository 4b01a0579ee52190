"""Timers of other programs, each held against that program's own check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import kubernetes_validate
import pytest
import yaml

from nbops.errors import ScheduleError, UsageError
from nbops.records import Schedule
from nbops.schedule import Clock, export
from nbops.schedule.export import Timer, cron, github, kubernetes, systemd
from nbops.schedule.export.timer import unit_name

HOSTILE = "50% \"of\" $HOME 'it' ${{ secrets.X }} {{ x }} \\ ünï"
CRONS = ["0 3 * * *", "*/15 8-17 * * mon-fri", "30 3 1 * mon", "0 0 29 2 *", "5,35 */6 1-7 jan,jul *", "0 3 * * 7"]


@pytest.fixture
def timer(schedule: Callable[..., Schedule], project: Path) -> Callable[..., Timer]:
    def make(*, is_shared: bool = True, secrets: list[str] | None = None, root: Path = project, **fields: Any) -> Timer:
        made = schedule(**{"timezone": "Europe/Berlin", "image": "registry.example.org/churn:3", **fields})
        return Timer(schedule=made, root=str(root), is_shared=is_shared, secrets=secrets or [])

    return make


@pytest.fixture
def hostile(timer: Callable[..., Timer], tmp_path: Path) -> Timer:
    """Everything a person may type, with what would break out of a file that did not quote it."""
    return timer(
        root=tmp_path / HOSTILE.replace("/", ""),
        name=HOSTILE,
        notebook=f"{HOSTILE}.ipynb",
        params={"query": HOSTILE, "n": "-1"},
        notify=["team"],
        retries=2,
        timeout_s=100.0,
        cron="*/15 8-17 * * mon-fri",
        secrets=["TEAM_HOOK"],
    )


def said_by_shell(command: str, program: str) -> list[str]:
    """The words that a shell makes of a command line, its program left out."""
    printed = command.replace(program, "printf '%s\\n'", 1)
    done = subprocess.run(["/bin/sh", "-c", printed], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def analyze(*words: str | Path, folder: Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", *map(str, words)],
        capture_output=True, text=True, env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "TZ": "UTC"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.systemd
def test_units_are_what_systemd_takes(hostile: Timer, timer: Callable[..., Timer], tmp_path: Path) -> None:
    for each in (hostile, timer()):
        written = export.write("systemd", each, tmp_path / "units")
        said = analyze("verify", "--user", "--man=no", *written.paths, folder=tmp_path)
        assert [line for line in said.splitlines() if unit_name(each.schedule) in line] == []


@pytest.mark.systemd
def test_systemd_reads_the_command_as_it_was_meant(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", HOSTILE, "", "a b"]
    # systemd-analyze does not show what a line becomes, so the unit is checked and its quoting undone by the manual's
    # rules: C escapes in double quotes, %% and $$.
    line = " ".join(systemd.word(part) for part in words)
    unit = tmp_path / "nbops-quoting.service"
    unit.write_text(f"[Service]\nType=oneshot\nExecStart={line}\n")
    analyze("verify", "--user", "--man=no", unit, folder=tmp_path)
    undone = line.replace("%%", "%").replace("$$", "$")
    assert json.loads(f"[{undone.replace(chr(34) + ' ' + chr(34), chr(34) + ',' + chr(34))}]") == words


@pytest.mark.systemd
@pytest.mark.parametrize("expression", CRONS)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_systemd_computes_the_same_times(expression: str, zone: str, tmp_path: Path) -> None:
    clock = Clock(expression, zone)
    moment = datetime(2026, 11, 29, 12, 0, tzinfo=UTC).timestamp()
    base = "2026-11-29 12:00:00 UTC"
    found: set[float] = set()
    for line in systemd.on_calendar(clock):
        said = analyze("calendar", "--iterations=6", f"--base-time={base}", line, folder=tmp_path)
        for shown in re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ ([-\d]+ [:\d]+) UTC", said):
            found.add(datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp())
    wanted = []
    for _ in range(5):
        moment = clock.after(moment)
        wanted.append(moment)
    assert sorted(found)[:5] == wanted


def test_installing_writes_the_units_and_removing_takes_them_away(
    timer: Callable[..., Timer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{a_systemctl(tmp_path)}:{os.environ['PATH']}")
    made = timer(secrets=["TEAM_HOOK"])
    installed = export.install("systemd", made)
    assert [Path(path).suffix for path in installed.paths] == [".service", ".timer"]
    assert any("TEAM_HOOK" in note and "chmod 600" in note for note in installed.notes)
    scheduled = timer(id=made.schedule.id, installed=["systemd"]).schedule
    export.remove(scheduled, Path(made.root))
    assert list((tmp_path / "config" / "systemd" / "user").iterdir()) == []
    name = made.name
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        f"--user enable --now {name}.timer",
        f"--user disable --now {name}.timer",
        "--user daemon-reload",
    ]


def a_systemctl(folder: Path) -> Path:
    """A program in systemctl's place that writes down what it is asked: no test may talk to a real user's systemd."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    program = bin_folder / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{folder}/asked"\n')
    program.chmod(0o755)
    return bin_folder


# ── cron ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own_crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real crontab's check, over a file instead of the user's own table."""
    real = shutil.which("crontab")
    table = tmp_path / "crontab"
    bin_folder = tmp_path / "cronbin"
    bin_folder.mkdir()
    program = bin_folder / "crontab"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -l ]; then\n  [ -f "{table}" ] || {{ echo "no crontab for you" >&2; exit 1; }}\n'
        f'  exec cat "{table}"\nfi\n{real} -n "$1" || exit 1\nexec cp "$1" "{table}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.setattr(cron, "local_zone", lambda: "Europe/Berlin")
    return table


@pytest.mark.cron
def test_lines_join_a_crontab_that_cron_takes_and_leave_it_again(
    hostile: Timer, timer: Callable[..., Timer], own_crontab: Path
) -> None:
    mine = "MAILTO=ada\n0 1 * * * /usr/bin/mine"
    own_crontab.write_text(mine)
    export.install("cron", hostile)
    export.install("cron", timer())
    export.install("cron", hostile)
    assert own_crontab.read_text().count("fire") == 2, "a second time takes the place of the first"
    cron.remove(hostile.schedule, Path("/"))
    assert hostile.schedule.id not in own_crontab.read_text()
    assert own_crontab.read_text().startswith(f"{mine}\n# >>> nbops-train-")


@pytest.mark.cron
def test_cron_runs_the_command_as_it_was_meant(hostile: Timer, own_crontab: Path) -> None:
    export.install("cron", hostile)
    line = own_crontab.read_text().splitlines()[1]
    # What cron makes of a line: five fields off, \% to %, the rest to the shell.
    command = line.split(" ", 5)[5].replace("\\%", "%").partition(" >> ")[0]
    shown = subprocess.run(
        ["/bin/sh", "-c", command.replace(sys.executable, "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == hostile.command()[1:]


def test_cron_keeps_another_time_than_the_schedule(
    timer: Callable[..., Timer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "local_zone", lambda: "America/New_York")
    with pytest.raises(ScheduleError, match="America/New_York") as caught:
        cron.files(timer())
    assert "--to systemd" in (caught.value.hint or "")


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def workflow_of(timer: Timer) -> dict[str, Any]:
    (text,) = github.files(timer).values()
    found: dict[str, Any] = yaml.safe_load(text)
    vendored = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "github-workflows.json"
    # YAML 1.1 reads the key `on` as true.
    found = {("on" if key is True else key): value for key, value in found.items()}
    jsonschema.Draft7Validator(json.loads(vendored.read_text())).validate(found)
    return found


@pytest.mark.parametrize("is_shared", [True, False], ids=["shared store", "own store"])
def test_a_workflow_is_what_github_takes(timer: Callable[..., Timer], is_shared: bool) -> None:
    found = workflow_of(timer(is_shared=is_shared, secrets=["TEAM_HOOK"]))
    assert found["on"]["schedule"] == [{"cron": "* * * * *", "timezone": "Europe/Berlin"}]
    steps = found["jobs"]["fire"]["steps"]
    assert steps[3]["env"]["TEAM_HOOK"] == "${{ secrets.TEAM_HOOK }}"
    assert any("upload-artifact" in step.get("uses", "") for step in steps) is not is_shared


def test_nothing_a_person_typed_is_evaluated_by_github(hostile: Timer) -> None:
    import msgspec

    found = workflow_of(msgspec.structs.replace(hostile, is_shared=False))
    command = found["jobs"]["fire"]["steps"][3]["run"]
    # Every ${{ that is left is the one that stands for itself.
    assert command.replace("${{ '${{' }}", "").count("${{") == 0
    assert found["name"].replace("${{ '${{' }}", "").count("${{") == 0
    as_github_has_it = command.replace("${{ '${{' }}", "${{")
    shown = subprocess.run(
        ["/bin/sh", "-c", as_github_has_it.replace("nbops", "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == github.retrain(hostile.schedule)[1:]


ON_DASK = {"runner": "dask", "scheduler": f"tcp://10.0.0.5:8786/{HOSTILE}", "ship": [f"{HOSTILE}.csv", "data/*"]}


def test_a_workflow_without_the_store_says_where_its_runs_are_executed(timer: Callable[..., Timer]) -> None:
    made = timer(is_shared=False, **ON_DASK)
    words = github.retrain(made.schedule)
    assert words[words.index("--runner") + 1 :][:1] == ["dask"]
    assert words[words.index("--scheduler") + 1] == ON_DASK["scheduler"]
    assert [words[i + 1] for i, word in enumerate(words) if word == "--ship"] == ON_DASK["ship"]
    steps = workflow_of(made)["jobs"]["fire"]["steps"]
    assert any("'nbops[dask]'" in step.get("run", "") for step in steps)


@pytest.mark.parametrize("target", export.TARGETS)
def test_every_timer_of_a_schedule_on_an_engine_fires_it_and_its_record_says_where(
    timer: Callable[..., Timer], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "local_zone", lambda: "Europe/Berlin")
    made = timer(is_shared=True, **ON_DASK)
    modules = {"systemd": systemd, "cron": cron, "github": github, "kubernetes": kubernetes}
    texts = "".join(modules[target].files(made).values())
    assert f"fire {made.schedule.id}" in texts.replace('"', "").replace(", ", " ")
    assert "10.0.0.5" not in texts, "the address stands in one place, where it can be changed"


def test_a_project_below_the_repository_works_in_its_folder(timer: Callable[..., Timer], tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = timer(root=tmp_path / "models" / "churn")
    installed = github.install(made)
    assert installed.paths == [str(tmp_path / ".github" / "workflows" / f"{made.name}.yml")]
    assert workflow_of(made)["jobs"]["fire"]["defaults"]["run"]["working-directory"] == "models/churn"


def test_conditions_need_a_store_that_remembers(timer: Callable[..., Timer]) -> None:
    with pytest.raises(ScheduleError) as caught:
        github.files(timer(is_shared=False, conditions=["new-data:d/*"]))
    assert caught.value.code == "store_not_shared"


# ── Kubernetes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def manifest_of(timer: Timer) -> dict[str, Any]:
    (text,) = kubernetes.files(timer).values()
    found: dict[str, Any] = yaml.safe_load(text)
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    return found


def test_a_cron_job_is_what_a_cluster_takes(hostile: Timer) -> None:
    found = manifest_of(hostile)
    spec = found["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == (
        "*/15 8-17 * * mon-fri", "Europe/Berlin", "Forbid",
    )  # fmt: skip
    assert found["metadata"]["annotations"] == {"nbops/schedule": HOSTILE}
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (2, 600)
    (container,) = job["template"]["spec"]["containers"]
    assert container["command"] == ["nbops", "fire", hostile.schedule.id, "--wait"]
    assert [entry["name"] for entry in container["env"]] == ["NBOPS_STORE", "TEAM_HOOK"]
    assert all("value" not in entry for entry in container["env"])


@pytest.mark.parametrize(
    ("fields", "kind", "said"),
    [({"is_shared": False}, ScheduleError, "shares"), ({"image": None}, UsageError, "--image")],
)
def test_a_cluster_needs_a_shared_store_and_an_image(
    timer: Callable[..., Timer], fields: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        kubernetes.files(timer(**fields))


@pytest.mark.parametrize("name", [HOSTILE, "x" * 200, "  ", "--", "数据"])
def test_a_name_of_a_unit_is_one_everywhere(schedule: Callable[..., Schedule], name: str) -> None:
    made = unit_name(schedule(name=name))
    assert made == made.lower()
    assert made.replace("-", "").isalnum()
    assert made.isascii()
    assert len(made) <= 52  # what a CronJob may have
