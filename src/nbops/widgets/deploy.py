"""The form that deploys a model from a live notebook, with progress and a way to stop it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from nbops.errors import ConflictError, NbopsError, UsageError
from nbops.grammar import VERBS, Option
from nbops.grammar.completion import names_of
from nbops.progress import Stage, Stoppable, Stopped, watching
from nbops.records import Endpoint
from nbops.views import Heading, Note, Part, bundle_of, to_html, to_text
from nbops.widgets.layer import Layer, problem
from nbops.widgets.opening import Open

_EVERY_S = 0.15
"""How often the page is told where it stands, in seconds."""

_CONTROLS = ("model", "name", "sample", "engine", "isolated")
"""Options with a control of their own; the last one is a choice among the engines."""

_LABELS = {
    "save": "Save as",
    "push": "Push to",
    "keys": "API keys",
    "tls_cert": "TLS certificate",
    "tls_key": "TLS private key",
}
_PLACEHOLDERS = {
    "base_image": "as configured",
    "platform": "that of the base image",
    "port": "any",
    "save": "churn.tar",
    "push": "registry.example.com/team",
    "keys": "keys.txt",
    "tls_cert": "cert.pem",
    "tls_key": "key.pem",
}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to choose from."""

    value: str
    label: str
    endpoint: str = ""
    """For a model: the endpoint's name that is proposed."""
    is_variable: bool = False


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """An option of the command that is typed in the form, too."""

    name: str
    label: str
    help: str
    placeholder: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the form offers."""

    models: list[Choice]
    samples: list[Choice]
    engines: list[Choice]
    more: list[Typed]


class AskDeploy(msgspec.Struct, frozen=True, kw_only=True, tag="deploy", tag_field="kind"):
    """The form was filled in."""

    request: int
    model: str
    name: str = ""
    sample: str = ""
    engine: str = ""
    more: dict[str, str] = {}
    """The other options of the command, by name."""


class AskCancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel", tag_field="kind"):
    """It shall not go on."""

    request: int


class StageState(msgspec.Struct, frozen=True, kw_only=True):
    """Where one stage stands."""

    title: str
    state: str
    done: float
    total: float | None
    seconds: float
    left: str
    note: str


class Stages(msgspec.Struct, frozen=True, kw_only=True, tag="stages", tag_field="kind"):
    """Where the deploy stands."""

    request: int
    stages: list[StageState]


def show_deploy_form(namespace: Mapping[str, Any], open_project: Open) -> None:
    """Show the form below the cell that runs; what it deployed takes its place in the end.

    Args:
        namespace: the notebook's variables.
        open_project: opens the project, with the live notebook, for one deploy.
    """
    from IPython.display import DisplayHandle

    with open_project() as workspace:
        offer = Offer(
            models=_models(namespace, names_of(workspace.store, "models")),
            samples=_samples(namespace),
            engines=_engines(names_of(workspace.store, "engines")),
            more=typed_options(),
        )
    handle: Any = DisplayHandle()
    form = _Form(open_project, handle)
    form.layer = Layer("deploy", offer, form.hear)
    parts = _static()
    handle.display({"text/html": form.layer.below(to_html(parts)), "text/plain": to_text(parts)}, raw=True)


def _static() -> list[Part]:
    command = "%nbops deploy churn@3 --name churn"
    return [
        Heading("Deploy a model"),
        Note(f"The form is there while the notebook is live in JupyterLab; as a command: {command}", "plain"),
    ]


def _models(namespace: Mapping[str, Any], stored: list[str]) -> list[Choice]:
    fitted = [
        name
        for name, value in namespace.items()
        # Asked of the class: a variable's own attributes may be computed when they are looked at.
        if not name.startswith("_") and not isinstance(value, type) and callable(getattr(type(value), "predict", None))
    ]
    live = [
        Choice(value=name, label=f"{name} (variable)", endpoint=name.lower().strip("_"), is_variable=True)
        for name in fitted
    ]
    return [*live, *(Choice(value=name, label=name, endpoint=name.partition("@")[0]) for name in stored)]


def _samples(namespace: Mapping[str, Any]) -> list[Choice]:
    names = [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and type(value).__name__ in ("DataFrame", "ndarray")
    ]
    return [Choice(value="", label="those it was fitted on"), *(Choice(value=name, label=name) for name in names)]


def _engines(names: list[str]) -> list[Choice]:
    return [
        Choice(value="", label="as configured"),
        # The fake serves from the process that deploys: it is for users' own tests.
        *(Choice(value=name, label=name) for name in names if name != "fake"),
        Choice(value="isolated", label="process, with a venv of its own"),
    ]


def typed_options() -> list[Typed]:
    """The options of ``deploy`` that have no control of their own: what the command learns, the form learns."""
    return [
        Typed(
            name=option.name,
            label=_LABELS.get(option.name, option.name.replace("_", " ").capitalize()),
            help=option.help.rstrip("."),
            placeholder=_PLACEHOLDERS.get(option.name, ""),
        )
        for option in _options()
        if option.name not in _CONTROLS
    ]


def _options() -> tuple[Option, ...]:
    return next(verb for verb in VERBS if verb.name == "deploy").options


def _value(option: Option, text: str) -> Any:
    """What was typed, as the command takes it."""
    if option.kind != "integer":
        return text
    if not text.isdecimal():
        raise UsageError(f"{option.name} is a whole number, not {text!r}", hint=f"{option.flag} 8080")
    return int(text)


class _Form:
    """One form: at most one deploy at a time."""

    layer: Layer

    def __init__(self, open_project: Open, handle: Any) -> None:
        self._open = open_project
        self._handle = handle
        self._going_on: Stoppable | None = None

    def hear(self, content: Any) -> msgspec.Struct | None:
        asked = msgspec.convert(content, AskDeploy | AskCancel)
        if isinstance(asked, AskCancel):
            if self._going_on is not None:
                self._going_on.stop()
            return None
        if self._going_on is not None:
            raise ConflictError("this form is deploying already", hint="cancel it, or wait")
        self._going_on = Stoppable(_Told(self.layer, asked.request))
        # The kernel goes on answering meanwhile; only so can it hear that it shall stop.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._deploy, asked, self._going_on), daemon=True).start()
        return None

    def _deploy(self, asked: AskDeploy, sink: Stoppable) -> None:
        try:
            with watching(sink):
                endpoint = self._deployed(asked)
        except Stopped:
            self.layer.tell(problem(asked.request, "cancelled; what answered before goes on answering"))
        except NbopsError as error:
            self.layer.tell(problem(asked.request, error.message, error.hint))
        # The fence around a request: whoever asked is told, and the user's notebook goes on.
        except Exception as error:  # noqa: BLE001 - as said
            self.layer.tell(problem(asked.request, f"{type(error).__name__}: {error}", "nbops doctor"))
        else:
            self._handle.update(bundle_of([endpoint]), raw=True)
            self.layer.close()
        finally:
            self._going_on = None

    def _deployed(self, asked: AskDeploy) -> Endpoint:
        is_isolated = asked.engine == "isolated"
        typed = [option for option in _options() if option.name not in _CONTROLS]
        more = {option.name: _value(option, asked.more[option.name]) for option in typed if asked.more.get(option.name)}
        with self._open() as workspace:
            return workspace.deploy(
                asked.model,
                name=asked.name or None,
                engine="process" if is_isolated else asked.engine or None,
                sample=asked.sample or None,
                isolated=is_isolated,
                **more,
            )


class _Told:
    """A sink that tells the page where every stage stands."""

    def __init__(self, layer: Layer, request: int) -> None:
        self._layer = layer
        self._request = request
        self._stages: list[Stage] = []
        self._told_at = 0.0

    def began(self, stage: Stage) -> None:
        self._stages.append(stage)
        self._tell()

    def moved(self, _stage: Stage) -> None:
        if time.monotonic() - self._told_at >= _EVERY_S:
            self._tell()

    def ended(self, _stage: Stage) -> None:
        self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        self._layer.tell(Stages(request=self._request, stages=[_state(stage) for stage in self._stages]))


def _state(stage: Stage) -> StageState:
    state = "failed" if stage.failed else "ended" if stage.ended_at else "running"
    return StageState(
        title=stage.title,
        state=state,
        done=stage.done,
        total=stage.total,
        seconds=stage.seconds,
        left=stage.left,
        note=stage.note,
    )
