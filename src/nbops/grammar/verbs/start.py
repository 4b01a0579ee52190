"""Verbs of the project itself: first steps, its state, its stores."""

from __future__ import annotations

from nbops.flows.demo import Journey
from nbops.flows.doctor import Finding
from nbops.grammar.language import Option, Verb
from nbops.records import (
    Secret,
)
from nbops.workspace import Status, Synced

START: tuple[Verb, ...] = (
    Verb(
        name="demo",
        topic="start",
        summary="Take a real notebook the whole way to an answering endpoint, with a time for each stage.",
        gives=Journey,
        changes=True,
        doors=("shell",),
        options=(
            Option(
                name="folder",
                is_argument=True,
                kind="path",
                default="nbops-demo",
                help="Where the demo project is made.",
            ),
            Option(name="engine", help="The engine to deploy on: docker, process, …", completes="engines"),
        ),
        examples=("demo", "demo ~/nbops-demo --engine process"),
    ),
    Verb(
        name="doctor",
        topic="start",
        summary="Say what is here, what is missing, and the command that cures it.",
        gives=list[Finding],
        examples=("doctor",),
    ),
    Verb(
        name="status",
        topic="start",
        summary="Say what is true of this session and this project.",
        gives=Status,
        examples=("status",),
    ),
    Verb(
        name="secrets",
        topic="start",
        summary="List the secrets that were masked in what is recorded, by id and kind.",
        gives=list[Secret],
        examples=("secrets",),
    ),
    Verb(
        name="lab",
        topic="start",
        summary="Open JupyterLab with the side panel on this project.",
        gives=int,
        changes=True,
        doors=("shell",),
        options=(
            Option(name="port", kind="integer", default=8888, help="The port to listen on."),
            Option(name="browser", kind="flag", default=True, help="Open a browser window."),
        ),
        examples=("lab", "lab --port 8890 --no-browser"),
    ),
    Verb(
        name="sync",
        topic="start",
        summary="Forward what the local journal still holds to the team's store.",
        gives=Synced,
        changes=True,
        examples=("sync",),
    ),
)
