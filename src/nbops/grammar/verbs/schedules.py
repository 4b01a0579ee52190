"""Verbs of schedules and of what starts them."""

from __future__ import annotations

from nbops.flows.fire import Fired
from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled
from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    FILE,
    LIMIT,
    NOTIFY,
    OFFSET,
    RUNNER,
    SCHEDULE,
    SCHEDULER,
    SHIP,
)
from nbops.records import (
    Firing,
    Schedule,
)
from nbops.schedule.export import TARGETS

SCHEDULES: tuple[Verb, ...] = (
    Verb(
        name="schedule",
        topic="schedules",
        summary="Run a notebook again by itself, at times or when a condition holds.",
        gives=Scheduled,
        changes=True,
        options=(
            FILE,
            Option(name="cron", metavar="TIMES", help='When, as cron says it: "0 3 * * *"; or @daily and its like.'),
            Option(
                name="when",
                is_many=True,
                metavar="KIND:WHAT",
                help="Only when this holds at such a time: new-data:PATTERN, model-age:MODEL>30d, metric:NAME<BAR; "
                "looked at every five minutes without --cron.",
            ),
            Option(
                name="param", short="-p", kind="pairs", metavar="NAME=VALUE", help="Set a parameter of the notebook."
            ),
            Option(
                name="to",
                kind="choice",
                choices=TARGETS,
                help="Install a timer there that calls it; nbops watch does without.",
            ),
            Option(
                name="output",
                short="-o",
                kind="path",
                metavar="FOLDER",
                help="Write the timer's files into this folder and install nothing.",
            ),
            Option(name="name", help="A name for the schedule; the notebook's when not given."),
            Option(name="timezone", metavar="ZONE", help="The zone of the times: Europe/Berlin; else this machine's."),
            Option(name="kernel", help="The kernel spec; the one the notebook asks for when not given."),
            Option(name="timeout", kind="number", minimum=0, metavar="SECONDS", help="How long one run may take."),
            Option(name="retries", kind="integer", minimum=0, default=0, help="How often a failed run is tried again."),
            RUNNER,
            SCHEDULER,
            SHIP,
            NOTIFY,
            Option(
                name="overlap",
                kind="choice",
                choices=("forbid", "allow"),
                default="forbid",
                help="Whether it may fire while its last run goes on.",
            ),
            Option(
                name="debounce",
                default="60s",
                metavar="TIME",
                help="How long new data must have stood still before it counts.",
            ),
            Option(
                name="cooldown",
                default="1d",
                metavar="TIME",
                help="How long the same old model or bad metric does not fire again.",
            ),
            Option(name="image", help="For --to kubernetes: the image that has this project and nbops."),
            Option(name="replace", kind="flag", help="Change the schedule that has the name."),
        ),
        examples=(
            'schedule churn.ipynb --cron "0 3 * * *" -p days=30 --to systemd --notify team',
            "schedule churn.ipynb --when 'new-data:data/*.parquet' --when 'metric:accuracy<0.9'",
            "schedule churn.ipynb --cron @daily --runner dask --scheduler tcp://10.0.0.5:8786",
            "schedule churn.ipynb --cron @daily --when 'model-age:churn@production>30d' --retries 1 --timeout 3600",
        ),
    ),
    Verb(
        name="schedules",
        topic="schedules",
        summary="List schedules with when they are due next and how they went last.",
        gives=list[ScheduleState],
        options=(LIMIT, OFFSET),
        examples=("schedules",),
    ),
    Verb(
        name="firings",
        topic="schedules",
        summary="List what fired, newest first, or only what one schedule fired.",
        gives=list[Firing],
        options=(
            Option(name="schedule", is_argument=True, completes="schedules", help="Only those of this schedule."),
            LIMIT,
            OFFSET,
        ),
        examples=("firings", "firings churn"),
    ),
    Verb(
        name="fire",
        topic="schedules",
        summary="Fire a schedule if it is due and nobody has; what its timers call.",
        gives=Fired,
        changes=True,
        options=(
            SCHEDULE,
            Option(name="now", kind="flag", help="Run it now, whatever its times and conditions say."),
            Option(
                name="wait",
                kind="flag",
                help="Where another process carries it out, wait for the end, and take over if that dies.",
            ),
        ),
        examples=("fire churn", "fire churn --now"),
    ),
    Verb(
        name="pause",
        topic="schedules",
        summary="Let a schedule's times pass until it is unpaused.",
        gives=Schedule,
        changes=True,
        options=(SCHEDULE,),
        examples=("pause churn",),
    ),
    Verb(
        name="unpause",
        topic="schedules",
        summary="Let a paused schedule fire again, from its next time on.",
        gives=Schedule,
        changes=True,
        options=(SCHEDULE,),
        examples=("unpause churn",),
    ),
    Verb(
        name="unschedule",
        topic="schedules",
        summary="Remove a schedule and its timers on this machine; its runs stay.",
        gives=Unscheduled,
        changes=True,
        options=(SCHEDULE,),
        examples=("unschedule churn",),
    ),
    Verb(
        name="watch",
        topic="schedules",
        summary="Fire all schedules when they are due, until stopped; for a long-lived service.",
        gives=int,
        changes=True,
        doors=("shell",),
        is_service=True,
        options=(
            Option(
                name="jobs", short="-j", kind="integer", minimum=1, default=2, help="How many firings go on at a time."
            ),
        ),
        examples=("watch", "watch --jobs 4"),
    ),
)
