"""Whether a bundle's locked packages have known vulnerabilities, as pip-audit reports them.

What is audited are the versions that go into the container, those that the model's packages need included. Nobody is
asked unless ``[tool.nbops.checks.vulnerabilities]`` is there; where nobody answers, the verdict is ``skipped`` and says
why, or ``failed`` where the project requires one. pip-audit's format knows no severities: what blocks is said by ids,
or by whether there is a version without the vulnerability.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nbops.deploy import wheels
from nbops.errors import SettingsError
from nbops.flows.check.demands import VulnerabilityDemand
from nbops.flows.check.subject import Finding, Subject

_SHOWN = 5


class Vulnerability(msgspec.Struct, frozen=True, kw_only=True):
    """One known vulnerability of one package, in pip-audit's words."""

    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []

    def is_one_of(self, ids: list[str]) -> bool:
        """Whether its id or one of its aliases is among some."""
        return not {self.id, *self.aliases}.isdisjoint(ids)


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One package of a report."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """pip-audit's JSON."""

    dependencies: list[Audited]


class NoReportError(Exception):
    """There is no report on the packages; the message says why."""


class Vulnerabilities:
    """The locked packages have no known vulnerability that is not let through."""

    name = "vulnerabilities"

    def run(self, subject: Subject) -> Finding:
        """Read the report, or have one made, and judge what it says of the bundle's packages."""
        demand = subject.demands.vulnerabilities
        if demand is None:
            return Finding("skipped", "nobody is asked: there is no [tool.nbops.checks.vulnerabilities]")
        try:
            pins = _pins(subject.bundle.requirements)
            report = _read(subject.root / demand.report) if demand.report else _asked(pins, demand)
            return _judged(pins, report, demand, today=datetime.date.today())
        except NoReportError as error:
            return Finding("failed" if demand.required else "skipped", f"vulnerabilities are not known: {error}")


def _pins(requirements: list[str]) -> dict[str, str]:
    """Name → version of all that the container has besides its base."""
    asked = dict(pin.split("==", 1) for pin in requirements)
    own = [pin for pin in wheels.server_pins(asked, is_signed=False) if pin.partition("==")[0] not in asked]
    pins, is_complete = wheels.lock([*requirements, *own], wheels.own_target())
    if not is_complete:
        raise NoReportError(
            "not all packages are installed here, so what they need is not known before the image is made"
        )
    return dict(pin.split("==", 1) for pin in pins)


def _read(path: Path) -> Report:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise NoReportError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{path} is no report of pip-audit: {error}", hint="pip-audit -f json -o audit.json -r requirements.txt"
        ) from error


def _asked(pins: dict[str, str], demand: VulnerabilityDemand) -> Report:
    """Have pip-audit ask a service."""
    with tempfile.TemporaryDirectory() as folder:
        listed, said = Path(folder) / "requirements.txt", Path(folder) / "report.json"
        listed.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pins.items())), "utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--no-deps", "--disable-pip",
                   "--format", "json", "--output", str(said), "--progress-spinner", "off", "--desc", "off",
                   "--vulnerability-service", demand.service, "--timeout", "15"]  # fmt: skip
        if demand.url is not None:
            command += ["--osv-url", demand.url]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=demand.timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise NoReportError(f"{demand.service} has not answered for {demand.timeout_s:g} s") from error
        # 1 is also its answer when it has found something; without a report it is a failure.
        if not said.is_file():
            lines = (done.stderr or done.stdout).strip().splitlines()
            if any("No module named pip_audit" in line for line in lines):
                raise NoReportError("pip-audit is not installed: pip install 'nbops[audit]'")
            raise NoReportError(
                f"pip-audit has no answer from {demand.service}: {(lines or ['it said nothing'])[-1][:300]}"
            )
        return _read(said)


def _judged(pins: dict[str, str], report: Report, demand: VulnerabilityDemand, *, today: datetime.date) -> Finding:
    found = {_normal(each.name): each for each in report.dependencies}
    blocking, allowed = [], 0
    for name, version in sorted(pins.items()):
        each = found.get(name)
        if each is None or each.version != version:
            continue
        for vulnerability in _blocking(each, demand):
            if _is_allowed(vulnerability, demand, today):
                allowed += 1
            else:
                blocking.append(_said(name, version, vulnerability, demand, today))
    measured = {"packages": float(len(pins)), "blocking": float(len(blocking)), "allowed": float(allowed)}
    if blocking:
        more = f" and {len(blocking) - _SHOWN} more" if len(blocking) > _SHOWN else ""
        return Finding("failed", "; ".join(blocking[:_SHOWN]) + more, measured)
    unknown = list(_unknown(pins, found))
    if unknown:
        raise NoReportError(f"the report says nothing of {', '.join(unknown[:_SHOWN])}")
    let_through = f", {allowed} let through by [tool.nbops.checks.vulnerabilities] allow" if allowed else ""
    return Finding("passed", f"none that blocks in {len(pins)} packages{let_through}", measured)


def _blocking(each: Audited, demand: VulnerabilityDemand) -> Iterator[Vulnerability]:
    for vulnerability in each.vulns:
        if demand.block == "fixable" and not vulnerability.fix_versions:
            continue
        if isinstance(demand.block, list) and not vulnerability.is_one_of(demand.block):
            continue
        yield vulnerability


def _is_allowed(vulnerability: Vulnerability, demand: VulnerabilityDemand, today: datetime.date) -> bool:
    return any(vulnerability.is_one_of([each.id]) and today <= each.until for each in demand.allow)


def _said(
    name: str, version: str, vulnerability: Vulnerability, demand: VulnerabilityDemand, today: datetime.date
) -> str:
    fixed = f"fixed in {vulnerability.fix_versions[-1]}" if vulnerability.fix_versions else "without a fix"
    over = [each.until for each in demand.allow if vulnerability.is_one_of([each.id]) and each.until < today]
    expired = f", was let through until {max(over)}" if over else ""
    return f"{name} {version} has {vulnerability.id} ({fixed}{expired})"


def _unknown(pins: dict[str, str], found: dict[str, Audited]) -> Iterator[str]:
    for name, version in sorted(pins.items()):
        each = found.get(name)
        if each is None or each.version != version:
            yield f"{name} {version}"
        elif each.skip_reason is not None:
            yield f"{name} ({each.skip_reason})"


def _normal(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
