"""Planted secrets in real kernels and through papermill: none of them in any byte that nbops leaves."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest
from planted_secrets import FORMS, NAMED, Maker, left_on_disk

from nbops.records import CellExecution, Run
from nbops.retrain import run_notebook
from nbops.settings import load_settings
from nbops.store import open_store

pytestmark = pytest.mark.kernel


def test_none_of_two_hundred_planted_secrets_reaches_the_disk(project: Path, notebook: Any) -> None:
    planted: dict[str, str] = {}

    def new(place: str, kind: str) -> str:
        maker = Maker(len(planted))
        make = FORMS.get(kind) or NAMED[kind][1]
        return planted.setdefault(f"{place}: {kind}", make(maker))

    session = notebook(**{f"E{n}_SECRET_KEY": new("environment", kind) for n, kind in enumerate(NAMED)})
    lines = [f'D{n}_API_KEY="{new(".env", kind)}"' for n, kind in enumerate(NAMED)]
    (project / ".env").write_text("\n".join(lines), "utf-8")
    session.run("import os, getpass, dotenv, nbops, base64, urllib.parse")
    session.run("\n".join(f"print(os.environ['E{n}_SECRET_KEY'])" for n in range(len(NAMED))))
    session.run("print(dotenv.dotenv_values('.env'))")
    for kind in FORMS:
        shown = new("output", kind)
        session.run(f"x = {new('source', kind)!r}\n# not {new('comment', kind)!r}\nlen(x)")
        session.run(f"print('got', ''.join([{shown[:7]!r}, {shown[7:]!r}]))\nraise KeyError({new('error', kind)!r})")
    for kind, (name, _) in NAMED.items():
        session.run(f"{name} = {new('named source', kind)!r}\nprint('it is', {name})")
        source = f"def work({name}):\n    raise ValueError('bad ' + {name})\nwork({name}=SECRET)"
        session.run(source.replace("SECRET", repr(new("traceback", kind))))
        session.run(f"nbops.log_param({name!r}, {new('parameter', kind)!r})")
    for kind in ("GitHub token", "AWS access key", "JSON web token", "Stripe key", "password", "hex key"):
        value = new("named things", kind)
        session.run(f"token_secret = {value!r}\nnbops.log_metric('m ' + token_secret, 1.0)")
        session.run("with nbops.run('run ' + token_secret):\n    nbops.log_params({'a': {'b': [token_secret]}})")
        session.run("print(base64.b64encode(b'ada:' + token_secret.encode()), urllib.parse.quote(token_secret + '/&'))")
        planted[f"in base64: {kind}"] = base64.b64encode(b"ada:" + value.encode()).decode()[8:-6]
    for kind in ("password", "access token", "word and digits"):
        session.answers = [new("getpass", kind), new("input", kind)]
        session.run("typed = getpass.getpass(), input('The password: ')\nprint(*typed)\ntyped[9]")
    assert len(planted) >= 200
    assert len({place.partition(": ")[2] for place in planted}) >= 20
    while_it_runs = left_on_disk(project / ".nbops", planted)
    session.close()

    assert while_it_runs == {}
    assert left_on_disk(project / ".nbops", planted) == {}
    with open_store(load_settings(project)) as store:
        cells = store.find(CellExecution)
        assert len(cells) > 100
        assert sum("[masked: " in (cell.outputs.text if cell.outputs else "") for cell in cells) > 50
        assert store.check() == []


def test_retraining_leaves_no_secret_in_the_store_nor_in_the_executed_notebook(project: Path) -> None:
    planted = {kind: FORMS[kind](Maker(7)) for kind in ("GitHub token", "private key", "Google key", "JSON web token")}
    password, computed = Maker(8).password(), "zz9-" + Maker(9).of("abcdef0123456789", 12)
    node = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    )
    cells = [f"x = {value!r}\nprint(x)" for value in planted.values()]
    # Only the kernel can know this one: it is put together there.
    cells += [f"import os\nos.environ['SERVICE_TOKEN'] = {computed[:4]!r} + {computed[4:]!r}[::-1][::-1]"]
    cells += ["print(os.environ['SERVICE_TOKEN'], db_password)", "raise RuntimeError(db_password)"]
    first = nbformat.v4.new_code_cell("db_password = ''", metadata={"tags": ["parameters"]})
    node.cells = [first, *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    nbformat.write(node, project / "train.ipynb")
    settings = load_settings(project)
    with open_store(settings) as store:
        run = run_notebook(
            project / "train.ipynb", store=store, settings=settings, parameters={"db_password": password}, cold=True
        )
        params, (kept,) = store.params(run.id), store.find(Run, id=run.id)

    assert run.error is not None
    assert run.error.name == "RuntimeError"
    assert params["db_password"].startswith("[masked: ")
    assert kept.error is not None
    assert "[masked: " in kept.error.message
    assert left_on_disk(project / ".nbops", {**planted, "parameter": password, "computed": computed}) == {}
    assert run.output is not None
    executed = nbformat.read(run.output, as_version=4)
    injected = next(cell for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", []))
    assert "nbops.secret(" in injected.source


def test_a_made_value_of_an_env_file_is_masked_whatever_its_name_and_words_are_not(
    project: Path, notebook: Any
) -> None:
    made = "AC" + Maker(3).of("abcdef0123456789", 16)
    (project / ".env").write_text(f"TWILIO={made}\nMODEL=llama-3.1-8b-instruct\nREGION=eu-central-1\n", "utf-8")
    session = notebook()

    session.run("import dotenv\nprint(*dotenv.dotenv_values('.env').values())")
    session.close()

    with open_store(load_settings(project)) as store:
        said = [cell.outputs.text for cell in store.find(CellExecution) if cell.outputs]
    assert len(said) == 1
    assert said[0].startswith("[masked: ")
    assert said[0].endswith("llama-3.1-8b-instruct eu-central-1\n")
