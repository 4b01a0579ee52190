"""``python -m nbops.deploy.base_image``: make the image that containers are built on, where none can be pulled.

Debian's smallest system with its own Python and nothing else, made by debootstrap from the mirror this machine itself
uses, brought up to date with the release's security updates, and imported into Docker. Needs root on Debian.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbops.deploy.docker_client import connected
from nbops.errors import DeployError, MissingError, NbopsError
from nbops.progress import Stage, stage, watching

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3")

_LEFT_OUT = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/info",
             "usr/share/locale", "usr/share/lintian", "tmp")  # fmt: skip
"""Folders that no server reads; what debootstrap leaves in them is emptied."""


def make(tag: str, *, suite: str = SUITE, mirror: str | None = None, fresh: bool = False) -> str:
    """Make the base image unless it is there.

    Args:
        tag: what to call it, such as ``"nbops-base:bookworm"``.
        suite: the Debian release: ``bookworm`` has Python 3.11, ``trixie`` 3.13.
        mirror: where packages come from; None takes the mirror of this machine's own apt.
        fresh: make it again even when it is there.

    Returns:
        The image's id, ``sha256:…``.

    Raises:
        MissingError: this is not root, or debootstrap or Docker is not there.
        DeployError: debootstrap failed; the message has its last words.
    """
    found = None if fresh else _there(tag)
    if found is not None:
        return found
    _check_possible()
    with tempfile.TemporaryDirectory(prefix="nbops-base-") as folder, stage(f"Make {tag}", total=4) as now:
        root = Path(folder) / "root"
        now.say(f"debootstrap {suite}")
        _bootstrap(root, suite, mirror, now)
        now.advance(note="security updates")
        _update(root, suite)
        now.advance(note="leave out what no server reads")
        _thin(root)
        now.advance(note="import into Docker")
        made = _import(root, tag)
        now.advance(note=made[:19])
    return made


def _there(tag: str) -> str | None:
    with connected() as client:
        found = client.images.list(name=tag)
    return str(found[0].id) if found else None


def _check_possible() -> None:
    if os.geteuid() != 0:
        raise MissingError(
            "debootstrap needs root", code="root_needed", hint=f"sudo {sys.executable} -m nbops.deploy.base_image"
        )
    if shutil.which("debootstrap") is None:
        raise MissingError(
            "debootstrap is not installed", code="debootstrap_missing", hint="apt-get install debootstrap"
        )


def mirrors() -> dict[str, str]:
    """Where this machine's apt gets each release from: ``{"bookworm": "http://…", "bookworm-security": …}``."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)", "Created-By: Packages"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}  # not Debian: debootstrap has a mirror of its own
    rows = [line.split("|") for line in said.splitlines() if line.count("|") == 2]
    return {codename: address for origin, codename, address in rows if origin == "Debian"}


def _bootstrap(root: Path, suite: str, mirror: str | None, now: Stage) -> None:
    source = mirror or mirrors().get(suite)
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(root)]
    process = subprocess.Popen(
        [*command, *([source] if source else [])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last: list[str] = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            last = [*last[-5:], line.strip()]
            now.say(line.strip().removeprefix("I: ")[:70])
    if process.returncode != 0:
        raise DeployError(f"debootstrap failed: {' / '.join(last)}", code="debootstrap_failed", hint=" ".join(command))


def _update(root: Path, suite: str) -> None:
    """Apply the release's own updates, where this machine's apt knows them."""
    known = mirrors()
    updates = [name for name in (f"{suite}-updates", f"{suite}-security") if name in known]
    if not updates:
        return
    lines = [f"deb {known[name]} {name} main\n" for name in (suite, *updates) if name in known]
    (root / "etc/apt/sources.list").write_text("".join(lines), "utf-8")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    for arguments in (["update"], ["-y", "upgrade"]):
        done = subprocess.run(
            ["chroot", str(root), "apt-get", "-q", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode != 0:
            raise DeployError(
                f"the security updates of {suite} cannot be had: {(done.stderr or done.stdout).strip()[-500:]}",
                code="updates_failed",
            )


def _thin(root: Path) -> None:
    for name in _LEFT_OUT:
        for path in (root / name).glob("*"):
            # The licences of what is in the image stay in it.
            if name == "usr/share/doc":
                _keep_licences(path)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    # Written for this machine by debootstrap; Docker gives each container its own.
    for name in ("etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)


def _keep_licences(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]:
        if path.name != "copyright":
            path.unlink()


def _import(root: Path, tag: str) -> str:
    repository, _, name = tag.partition(":")
    packer = subprocess.Popen(["tar", "--numeric-owner", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
    with packer, connected() as client:
        client.api.import_image(src=packer.stdout, stream_src=True, repository=repository, tag=name or "latest")
    if packer.returncode != 0:
        raise DeployError(f"tar failed with exit code {packer.returncode}")
    made = _there(tag)
    if made is None:
        raise DeployError(f"Docker has not imported {tag}", code="import_failed")
    return made


class _Lines:
    """Shows progress as lines, for whoever waits at a terminal or reads the log of a build."""

    def began(self, stage: Stage) -> None:
        sys.stdout.write(f"{stage.title}\n")

    def moved(self, stage: Stage) -> None:
        sys.stdout.write(f"  {stage.note}\n")
        sys.stdout.flush()

    def ended(self, stage: Stage) -> None:
        sys.stdout.write(f"  {'failed' if stage.failed else 'done'} after {stage.seconds:.0f} s\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and make the image.

    Args:
        arguments: the command line without the program; the process's own when not given.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nbops.deploy.base_image", description="Make the image that containers are built on."
    )
    parser.add_argument("--suite", default=SUITE, help="Debian release (default: %(default)s)")
    parser.add_argument("--tag", help="name of the image (default: nbops-base:SUITE)")
    parser.add_argument("--mirror", help="where packages come from (default: as this machine's apt)")
    parser.add_argument("--fresh", action="store_true", help="make it again even when it is there")
    options = parser.parse_args(arguments)
    tag = options.tag or f"nbops-base:{options.suite}"
    try:
        with watching(_Lines()):
            made = make(tag, suite=options.suite, mirror=options.mirror, fresh=options.fresh)
    except NbopsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{tag} is there: {made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
