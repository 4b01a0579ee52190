"""The wheel brings the panel and the server part with it, and nobody needs node to use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from nbops.bundle.portable.runtime import FILES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout with the panel as it stands."""
    if not (ROOT / "src" / "nbops" / "labextension" / "package.json").is_file():
        pytest.skip("the panel is not built: python tools/jlpm.py build")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_has_the_panel_once_and_the_servers_switch(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    panels = [name for name in names if name.endswith("labextensions/nbops/package.json")]
    assert len(panels) == 1
    assert not [name for name in names if name.startswith("nbops/labextension/")]
    assert [name for name in names if name.endswith("etc/jupyter/jupyter_server_config.d/nbops.json")]
    assert [name for name in names if "labextensions/nbops/static/remoteEntry" in name]


def test_the_wheel_has_what_exported_models_need_in_a_browser(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    found = sorted(name.rpartition("/")[2] for name in names if "labextensions/nbops/onnxruntime-web/" in name)
    assert found == sorted(FILES)
    assert [name for name in names if name.endswith("nbops/bundle/portable/files/browser/predict.js")]


CLOSED_BYTES = 37_000
"""What a page loads of a panel that nobody opens; promised are 40,000, and the next feature needs room."""


def test_a_closed_panel_loads_little_code(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    scripts = {name.rpartition("/")[2]: name for name in archive.namelist() if "/labextensions/nbops/static/" in name}
    (entry,) = (name for name in scripts if name.startswith("remoteEntry."))
    text = archive.read(scripts[entry]).decode()

    # The entry says which of the others have what JupyterLab starts: "./extension":()=>n.e(908).then(…)
    starting = re.search(r'"\./extension":\(\)=>(.*?)\.then\(', text)
    assert starting is not None
    chunks = [
        name for number in re.findall(r"\.e\((\d+)\)", starting[1]) for name in scripts if name.startswith(f"{number}.")
    ]

    assert chunks
    loaded = {name: archive.getinfo(scripts[name]).file_size for name in (entry, *chunks)}
    assert sum(loaded.values()) <= CLOSED_BYTES, (
        f"{loaded}: import() what is not needed before the panel is opened, as labextension/src/commands/index.ts does"
    )


def test_an_installed_wheel_is_found_by_jupyter_without_node(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    # Its dependencies are those of this environment: what is tested is what the wheel itself brings.
    site = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        str(wheel),
    ]
    done = subprocess.run(install, capture_output=True, text=True, env=_environment(tmp_path), check=False)
    assert done.returncode == 0, done.stderr

    extensions = _jupyter(python, tmp_path, "labextension", "list")
    servers = _jupyter(python, tmp_path, "server", "extension", "list")

    assert f"nbops v{json.loads((ROOT / 'labextension' / 'package.json').read_text())['version']}" in extensions
    assert _line_with(extensions, "nbops v").count("OK") == 1
    assert "OK" in _line_with(servers.partition("Validating nbops.rest")[2], "nbops.rest")
    assert str(venv) in extensions


def _environment(tmp_path: Path) -> dict[str, str]:
    # No node anywhere on the path, and none of this machine's own Jupyter.
    return {
        "PATH": str(tmp_path / "venv" / "bin"),
        "HOME": str(tmp_path / "home"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "NO_COLOR": "1",
    }


def _jupyter(python: Path, tmp_path: Path, *words: str) -> str:
    module = {"labextension": "jupyterlab.labextensions", "server": "jupyter_server.serverapp"}[words[0]]
    if words[0] == "server":
        module, words = "jupyter_server.extension.serverextension", words[1:]
    command = [str(python), "-c", f"import sys; from {module} import main; sys.exit(main())", *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(tmp_path), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _line_with(text: str, part: str) -> str:
    return next((line for line in text.splitlines() if part in line), "")
