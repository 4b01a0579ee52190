"""The whole way, once, with the process engine: from a cell to an answering, watched endpoint."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nbops.cli import main


@pytest.mark.kernel
@pytest.mark.haproxy
def test_demo_goes_the_whole_way_without_docker_and_again_over_the_live_name(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    try:
        assert main(["demo", "the demo", "--json"]) == 0
        first = json.loads(capfd.readouterr().out)
        assert first["notice"].startswith("Deployed as a process, not as a container:")
        assert "→" in first["notice"]
        assert first["summary"]["side panel"].endswith(f"-C '{project}/the demo' lab")
        assert main(["-C", str(project / "the demo"), "show", first["summary"]["run"]]) == 0
        capfd.readouterr()
        assert [stage["title"].split()[0] for stage in first["stages"]] == [
            "Record", "Extract", "Retrain", "Bundle", "Deploy", "Ask", "Check",
        ]  # fmt: skip
        assert first["summary"]["drift"] == "stable"
        with urllib.request.urlopen(f"{first['summary']['address']}/health/ready", timeout=10) as answer:
            assert answer.status == 200
        code = "from tumours.training import build_model; print(build_model(3, 2, 1).steps[0][0])"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project / "the demo", capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "standardscaler"
        assert main(["-C", str(project / "the demo"), "deploy", "tumour@1", "--engine", "process", "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["address"] == first["summary"]["address"]
    finally:
        main(["-C", str(project / "the demo"), "stop", "tumour"])
