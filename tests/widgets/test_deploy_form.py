"""The two forms that deploy, in the notebook and in the side panel, beside the command that they stand for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import UsageError
from nbops.grammar import VERBS
from nbops.widgets import deploy as form

PANEL = Path(__file__).resolve().parents[2] / "labextension" / "src" / "commands" / "models.ts"


def options() -> set[str]:
    return {option.name for option in next(verb for verb in VERBS if verb.name == "deploy").options}


def test_the_notebooks_form_has_every_option_of_the_command() -> None:
    typed = [option.name for option in form.typed_options()]
    assert {*typed, *form._CONTROLS} == options()
    assert all(option.label and option.help for option in form.typed_options())
    script = Path(form.__file__).with_suffix(".js").read_text("utf-8")
    drawn = set(re.findall(r"\.\.\.field\('(\w+)'|= field\('(\w+)'", script))
    # Isolated is a choice among the engines.
    assert {name for pair in drawn for name in pair if name} == {*form._CONTROLS} - {"isolated"}


def test_the_panels_form_has_every_option_of_the_command() -> None:
    text = PANEL.read_text("utf-8")
    fields = text[text.index("function deployFields") : text.index("type Deploy =")]
    drawn = set(re.findall(r"name: '(\w+)'", fields))
    # The model is the row that one stands on, a sample is a variable of a notebook, isolated is one of the engines.
    assert drawn == options() - {"model", "sample", "isolated"}
    assert "['isolated'," in fields


class Recording:
    """A workspace that writes down what it is asked to deploy."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def deploy(self, model: str, **asked: Any) -> None:
        self.asked = {"model": model, **asked}
        raise UsageError("written down")


def test_what_is_typed_in_the_form_reaches_the_command() -> None:
    workspace = Recording()
    made = form._Form(lambda: workspace, None)  # type: ignore[arg-type, return-value] # as much of one as is asked
    more = {option.name: f"typed {option.name}" for option in form.typed_options()} | {
        "save": "",
        "model": "another",
        "port": "8080",
    }
    asked = form.AskDeploy(request=1, model="churn@3", name="churn", engine="isolated", more=more)
    with pytest.raises(UsageError, match="written down"):
        made._deployed(asked)
    wanted = {name: text for name, text in more.items() if name not in ("save", "model")}
    assert workspace.asked == {
        "model": "churn@3", "name": "churn", "sample": None, "engine": "process", "isolated": True, **wanted,
        "port": 8080,
    }  # fmt: skip


def test_a_port_that_is_no_number_is_refused() -> None:
    asked = form.AskDeploy(request=1, model="churn@3", more={"port": "eighty"})
    with pytest.raises(UsageError, match="port is a whole number, not 'eighty'"):
        form._Form(Recording, None)._deployed(asked)  # type: ignore[arg-type] # as much of one as is asked
