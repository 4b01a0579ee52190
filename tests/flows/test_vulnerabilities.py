"""Known vulnerabilities of the locked packages: asked of a service, or read from a report; never guessed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from importlib.metadata import distributions
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import Answer, LoopbackServer
from sklearn.linear_model import LinearRegression

from nbops.errors import SettingsError
from nbops.flows.check import check
from nbops.flows.register import register_model
from nbops.records import CheckResult, ModelVersion
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

FLAW = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-0001"],
    "summary": "a fixture",
    "affected": [
        {
            "package": {"name": "uvicorn", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}


class Index(LoopbackServer):
    """A service of advisories on the loopback address that knows of one flaw, in uvicorn."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        super().__init__("/v1/query")

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        query = json.loads(body)
        name = query["package"]["name"]
        self.asked[name] = query["version"]
        return 200, {}, json.dumps({"vulns": [FLAW]} if name == "uvicorn" else {}).encode()


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


class Project:
    def __init__(self, root: Path, ask: Any, version: ModelVersion) -> None:
        self.root, self._ask, self._version = root, ask, version

    def result(self, *lines: str) -> CheckResult:
        """The verdict under a policy of these lines."""
        (self.root / "pyproject.toml").write_text("\n".join(["[tool.nbops.checks.vulnerabilities]", *lines]), "utf-8")
        found: CheckResult = next(one for one in self._ask(self._version) if one.check == "vulnerabilities")
        return found


@pytest.fixture
def here(project: Path) -> Iterator[Project]:
    settings = load_settings(project, env={})
    rows = np.array([[1.0], [2.0], [3.0]])
    with open_store(settings) as store:
        blobs = Blobs(settings.blobs)
        made = register_model(
            LinearRegression().fit(rows, rows[:, 0]), name="tiny", sample=rows, store=store, blobs=blobs, root=project
        )
        yield Project(project, lambda version: check(version, store=store, blobs=blobs, root=project), made)


def test_a_known_flaw_of_a_locked_package_stops_the_release(here: Project, index: Index) -> None:
    result = here.result('service = "osv"', f'url = "{index.url}"')
    assert result.verdict == "failed"
    assert result.message == f"uvicorn {installed('uvicorn')} has PYSEC-2026-1 (fixed in 99.0)"
    assert result.measured["blocking"] == 1
    # What the server needs is asked about, and nothing else of this environment.
    assert {"uvicorn", "msgspec", "numpy", "click", "h11"} <= index.asked.keys()
    assert "pytest" not in index.asked


def test_without_an_answer_the_verdict_is_skipped_with_the_reason(here: Project, free_port: int) -> None:
    lines = ('service = "osv"', f'url = "http://127.0.0.1:{free_port}/v1/query"')
    result = here.result(*lines)
    assert result.verdict == "skipped"
    assert result.message.startswith("vulnerabilities are not known: pip-audit has no answer from osv: ")
    assert here.result(*lines, "required = true").verdict == "failed"


def report(root: Path, *, version: str | None = None, without: str = "", **flaw: Any) -> None:
    """Write a report of all that is installed, with one flaw in uvicorn."""
    packages: list[dict[str, Any]] = []
    for each in distributions():
        if each.name.lower() == without:
            continue
        packages.append({"name": each.name, "version": each.version, "vulns": []})
        if each.name == "uvicorn":
            said = {"id": "PYSEC-2026-1", "fix_versions": ["99.0"], "aliases": ["CVE-2026-0001"], "description": "x"}
            packages[-1] |= {"version": version or each.version, "vulns": [said | flaw]}
    (root / "audit.json").write_text(json.dumps({"dependencies": packages, "fixes": []}), "utf-8")


REPORT = 'report = "audit.json"'
TODAY = datetime.date.today()


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        pytest.param([], "failed", id="all"),
        pytest.param(['block = "fixable"'], "failed", id="fixable"),
        pytest.param(['block = ["CVE-2026-0001"]'], "failed", id="by an alias"),
        pytest.param(['block = ["CVE-2026-9999"]'], "passed", id="another id"),
    ],
)
def test_policy_says_which_flaws_block(here: Project, policy: list[str], verdict: str) -> None:
    report(here.root)
    assert here.result(REPORT, *policy).verdict == verdict


def test_a_flaw_without_a_fix_may_be_let_pass(here: Project) -> None:
    report(here.root, fix_versions=[])
    assert here.result(REPORT, 'block = "fixable"').verdict == "passed"
    assert here.result(REPORT).message.endswith("has PYSEC-2026-1 (without a fix)")


def test_a_flaw_is_let_through_until_its_day_and_not_longer(here: Project) -> None:
    report(here.root)
    allow = '[[tool.nbops.checks.vulnerabilities.allow]]\nid = "CVE-2026-0001"\nwhy = "not reachable"\nuntil = {}'
    result = here.result(REPORT, allow.format(TODAY))
    assert result.verdict == "passed"
    assert "1 let through by" in result.message
    yesterday = TODAY - datetime.timedelta(days=1)
    result = here.result(REPORT, allow.format(yesterday))
    assert result.verdict == "failed"
    assert result.message.endswith(f"(fixed in 99.0, was let through until {yesterday})")


def test_a_report_on_other_versions_says_nothing_of_these(here: Project) -> None:
    report(here.root, version="0.0.1")
    result = here.result(REPORT)
    assert result.verdict == "skipped"
    assert result.message == f"vulnerabilities are not known: the report says nothing of uvicorn {installed('uvicorn')}"


def test_a_package_that_the_report_left_out_is_not_called_safe(here: Project) -> None:
    report(here.root, without="msgspec", fix_versions=[])
    assert here.result(REPORT, 'block = "fixable"', "required = true").message.endswith(
        f"says nothing of msgspec {installed('msgspec')}"
    )


def test_a_report_that_is_missing_or_none_is_said(here: Project) -> None:
    assert here.result(REPORT).message.endswith("audit.json cannot be read: No such file or directory")
    (here.root / "audit.json").write_text("[]")
    assert "is no report of pip-audit" in here.result(REPORT).message
    with pytest.raises(SettingsError, match="cannot be understood"):
        here.result(REPORT, 'block = "some"')
