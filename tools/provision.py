"""Set up what the Makefile's commands need, once: ``python3 tools/provision.py python panel system peers``.

Runs on a bare ``python3`` with ``venv`` and nothing else. What is installed already is not installed again: each part
leaves a stamp in ``.cache/`` that names its inputs.

- ``python``: ``.venv`` from ``requirements.lock``, byte-compiled, with this checkout in it;
- ``panel``: node packages from ``yarn.lock`` and the built JupyterLab extension;
- ``system``: Debian packages, the Docker daemon and the containers' base image, which only tests need. Where this is
  not Debian, or the user is not root, it says what is missing and goes on: the tests that need it say so too;
- ``peers``: an environment of its own from ``tools/peers.lock``, with the MLflow server that tests start and the
  trackers that benchmarks measure;
- ``serving-peers``: another one from ``tools/serving_peers.lock``, with the model servers that benchmarks measure.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
BIN = VENV / "bin"
UV = "uv==0.13.9"
DEBIAN = (
    "chromium", "cron", "debootstrap", "docker-registry", "docker.io", "fonts-dejavu-core", "git", "haproxy",
    "libgomp1", "postgresql", "prometheus", "systemd", "wrk",
)  # fmt: skip
PROGRAMS = {
    "chromium": "chromium", "cron": "crontab", "debootstrap": "debootstrap", "docker-registry": "docker-registry",
    "git": "git", "haproxy": "haproxy", "prometheus": "promtool", "systemd": "systemd-analyze", "wrk": "wrk",
}  # fmt: skip


def say(message: str) -> None:
    """Tell the reader what goes on."""
    print(f"» {message}", flush=True)  # noqa: T201


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a command; when it fails, show what it said and stop."""
    words = [str(word) for word in command]
    merged = {**os.environ, **(env or {})}
    if not quiet:
        code = subprocess.run(words, cwd=cwd, env=merged, check=False).returncode
        output = ""
    else:
        done = subprocess.run(
            words, cwd=cwd, env=merged, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        code, output = done.returncode, done.stdout
    if code:
        sys.exit(f"{output}\nfailed with exit code {code}: {' '.join(words)}")


def digest(*parts: str | Path) -> str:
    """Hash the files and words that a part is made from."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        whole.update(b"\0")
    return whole.hexdigest()


def is_done(name: str, key: str) -> bool:
    """Tell whether this part was set up from the same inputs before."""
    stamp = CACHE / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == key


def done(name: str, key: str) -> None:
    """Remember what this part was set up from."""
    CACHE.mkdir(exist_ok=True)
    (CACHE / f"{name}.stamp").write_text(key)


def python() -> None:
    """Make ``.venv`` exactly as ``requirements.lock`` says, and put this checkout into it."""
    key = digest(ROOT / "requirements.lock", ROOT / "pyproject.toml", sys.version, str(ROOT), UV)
    if is_done("python", key) and (BIN / "nbops").exists():
        return
    if sys.version_info < (3, 11):
        sys.exit(f"nbops needs Python 3.11 or newer; this is {sys.version.split()[0]}: apt-get install python3.11-venv")
    if not (BIN / "python").exists():
        say("making .venv")
        run(sys.executable, "-m", "venv", VENV)
    say("installing the locked Python packages (once)")
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _unlink_panel()
    got_uv = subprocess.run([*pip, "install", UV], check=False).returncode == 0
    lock = ROOT / "requirements.lock"
    if got_uv:
        env = {"VIRTUAL_ENV": str(VENV)}
        # The same interpreter and the same packages every time; compiled, because imports are most of a kernel's start.
        run(BIN / "uv", "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "-r", lock, env=env)
        run(BIN / "uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ".", env=_no_panel(env))
    else:
        say("uv cannot be had here; pip does it, more slowly")
        run(*pip, "install", "--compile", "--require-hashes", "-r", lock)
        run(*pip, "install", "--no-deps", "--no-build-isolation", "-e", ".", env=_no_panel({}))
    done("python", key)


def _no_panel(env: dict[str, str]) -> dict[str, str]:
    # The panel is built by its own part; without this the editable install would run node too.
    return {**env, "HATCH_JUPYTER_BUILDER_SKIP_NPM": "1"}


def panel() -> None:
    """Install the node packages and build the JupyterLab extension."""
    folder = ROOT / "labextension"
    built = ROOT / "src" / "nbops" / "labextension" / "package.json"
    sources = sorted(
        path
        for pattern in ("src/**/*", "style/**/*", "schema/**/*", "*.json", "*.js", "*.mjs")
        for path in folder.glob(pattern)
        if path.is_file() and path.name not in ("tsconfig.tsbuildinfo",)
    )
    lock = folder / "yarn.lock"
    jlpm = (BIN / "python", ROOT / "tools" / "jlpm.py")
    packages_key, build_key = digest(lock, folder / "package.json"), digest(lock, *sources, str(ROOT))
    if not is_done("node-packages", packages_key) or not (folder / "node_modules").is_dir():
        say("installing the locked node packages (once; a minute or two)")
        run(*jlpm, "install", "--immutable", env={"CI": "1"}, quiet=True)
        done("node-packages", packages_key)
    if not is_done("panel", build_key) or not built.exists():
        say("building the JupyterLab side panel")
        run(*jlpm, "build", quiet=True)
        done("panel", build_key)
    _link_panel()


# An editable installation copies shared data as it was on that day; these links stand in for the copies, so that a
# rebuilt panel is there at the next page load.
LINKS = {
    VENV / "share/jupyter/labextensions/nbops": ROOT / "src/nbops/labextension",
    VENV / "etc/jupyter/jupyter_server_config.d/nbops.json": ROOT / "jupyter-config/nbops.json",
}


def _link_panel() -> None:
    for link, target in LINKS.items():
        if link.is_symlink() and link.readlink() == target:
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        else:
            link.unlink(missing_ok=True)
        link.symlink_to(target)


def _unlink_panel() -> None:
    """An installation through the links would write into the sources, and the next one would stumble over it."""
    for link in LINKS:
        if link.is_symlink():
            link.unlink()
    (ROOT / "src/nbops/labextension/install.json").unlink(missing_ok=True)


def system() -> None:
    """Install what only the tests need from Debian, start Docker and make the base image."""
    missing = [name for name in DEBIAN if not _has(name)]
    if missing and _may_install():
        say(f"installing Debian packages for the tests (once): {' '.join(missing)}")
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-q", env=env, quiet=True)
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", *missing, env=env, quiet=True)
    elif missing:
        say(f"not here, and not installed because this is not root on Debian: {' '.join(missing)}")
    _start_docker()
    if _docker_answers():
        run(BIN / "python", "-m", "nbops.deploy.base_image")


def _has(package: str) -> bool:
    if package == "docker.io":
        return _docker_answers() or shutil.which("dockerd") is not None
    if package == "postgresql":
        return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if package == "fonts-dejavu-core":
        return any(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"))
    if package == "libgomp1":  # without it LightGBM does not load
        return find_library("gomp") is not None
    return shutil.which(PROGRAMS[package]) is not None


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _docker_answers() -> bool:
    """Ask the daemon itself over its socket: there may be no client program here."""
    code = "import docker; docker.from_env(timeout=5).ping()"
    return subprocess.run([str(BIN / "python"), "-c", code], check=False, capture_output=True).returncode == 0


def _start_docker() -> None:
    if _docker_answers() or os.geteuid() != 0 or shutil.which("dockerd") is None:
        return
    say("starting the Docker daemon")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "dockerd.log").open("ab") as log:
        subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    for _ in range(60):
        if _docker_answers():
            return
        time.sleep(0.5)
    say("the Docker daemon did not start; its log is .cache/dockerd.log")


def peers() -> None:
    """Make the environment of the MLflow server and the other trackers; without it, tests say that they need it."""
    _environment("peers", "peers.lock", "the MLflow server that tests start", "the tests that need it will say so")


def serving_peers() -> None:
    """Make the environment of the model servers that benchmarks measure; without it, they measure nbops alone."""
    _environment("serving-peers", "serving_peers.lock", "the model servers to measure", "nbops is measured alone")


def _environment(name: str, lock_name: str, what: str, otherwise: str) -> None:
    lock, folder = ROOT / "tools" / lock_name, CACHE / name
    key = digest(lock, sys.version, str(ROOT), UV)
    if is_done(name, key) and (folder / "bin" / "mlflow").exists():
        return
    say(f"installing {what} (once)")
    run(sys.executable, "-m", "venv", "--clear", folder)
    install = ["--quiet", "--require-hashes", "-r", str(lock)]
    if (BIN / "uv").exists():
        command = [str(BIN / "uv"), "pip", "install", "--compile-bytecode", *install]
    else:
        command = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", *install]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, "VIRTUAL_ENV": str(folder)}, check=False).returncode:
        say(f"it could not be installed, and {otherwise}")
        return
    done(name, key)


PARTS = {"python": python, "panel": panel, "system": system, "peers": peers, "serving-peers": serving_peers}

if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        PARTS[wanted]()
