"""A CronJob for a cluster, as a manifest to apply."""

from __future__ import annotations

from pathlib import Path

from nbops.errors import ScheduleError, UsageError
from nbops.records import Schedule
from nbops.schedule.export.timer import Installed, Timer, render, unit_name

FOLDER = "kubernetes"
SECRET = "nbops"  # noqa: S105 - the name of a Secret, not one
_STORE = "NBOPS_STORE"


def files(timer: Timer) -> dict[str, str]:
    """The manifest, by file name."""
    if not timer.is_shared:
        raise ScheduleError(
            "a pod's disk ends with it: a CronJob needs a store that it shares with others",
            code="store_not_shared",
            hint="export NBOPS_STORE=postgresql://…",
        )
    if not timer.schedule.image:
        raise UsageError(
            "a CronJob needs the image that has this project and nbops in its working folder",
            hint="nbops schedule … --to kubernetes --image REGISTRY/IMAGE:TAG",
        )
    schedule = timer.schedule
    text = render(
        "kubernetes.yaml.j2",
        name=timer.name,
        title=schedule.name,
        cron=timer.clock.cron,
        timezone=schedule.timezone,
        concurrency="Allow" if schedule.overlap == "allow" else "Forbid",
        is_paused=schedule.paused_at is not None,
        retries=schedule.retries,
        longest_s=timer.longest_s,
        image=schedule.image,
        # Where a pod is started again, it waits for the one before to be found dead.
        command=["nbops", "fire", schedule.id, "--wait"],
        secrets=list(dict.fromkeys([_STORE, *timer.secrets])),
        secret=SECRET,
    )
    return {f"{timer.name}.yaml": text}


def install(timer: Timer) -> Installed:
    """Write the manifest into the project; applying it is left to whoever may."""
    path = Path(timer.root) / FOLDER / f"{timer.name}.yaml"
    for text in files(timer).values():
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise ScheduleError(f"{path} cannot be written: {error.strerror}", hint=f"ls -ld {path.parent}") from error
    literals = " ".join(f"--from-literal={name}=…" for name in dict.fromkeys([_STORE, *timer.secrets]))
    notes = [f"kubectl create secret generic {SECRET} {literals}", f"kubectl apply -f {path}"]
    return Installed(target="kubernetes", paths=[str(path)], notes=notes)


def remove(schedule: Schedule, root: Path) -> list[str]:
    """Remove the manifest; the cluster is left to whoever may change it."""
    name = unit_name(schedule)
    (root / FOLDER / f"{name}.yaml").unlink(missing_ok=True)
    return [f"kubectl delete cronjob {name}"]
