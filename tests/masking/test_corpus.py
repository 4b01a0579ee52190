"""How many secrets are found, and how many ordinary cells are left alone."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from ordinary_cells import cells
from planted_secrets import FORMS, NAMED, Maker

from nbops.masking import Masker
from nbops.masking.known import Values

SEEDS = range(3)
ROOT = Path(__file__).resolve().parents[2]

SOURCES = (
    "x = {s!r}",
    "client = Client({s!r}, region='eu')",
    "settings = {{'one': 1, 'two': [{s!r}]}}",
    'headers = {{"Authorization": "Bearer " + {s!r}}}',
    "x = (1,\n     {s!r})  # a comment",
)
NAMED_SOURCES = (
    "{n} = {s!r}",
    "connect(host='db', {n}={s!r})",
    "config = {{'{n}': {s!r}}}",
    "os.environ['{n}'] = {s!r}",
    "def connect(host, {n}={s!r}):\n    return host",
    "self.{n} = {s!r}",
    "{n} = os.getenv('NAME', {s!r})",
    "value = {s!r}\nconnect({n}=value)",
    "class Settings:\n    {n}: str = {s!r}",
    "{n}, host = {s!r}, 'db'",
    "{n} = {s!r}.encode()",
    "config.set('{n}', {s!r})",
    "%env {n}={s}",
    "!export {n}={s}",
    "%%bash\nexport {n}='{s}'",
    "# {n}: {s}",
    "parser.add_argument('--{n}', default={s!r})",
    "if {n} == {s!r}:\n    pass",
    "{n} = ({s!r}",  # a cell that does not parse
)
OUTPUTS = ("{n}={s}", "{n}: {s}", "'{n}': '{s}'", '{{"{n}": "{s}"}}', "--{n} {s}", "INFO with {n} = {s}, again")
ADDRESSES = (
    "postgresql://ada:{s}@db:5432/team",
    "redis://:{s}@localhost:6379/0",
    "host=db user=ada password={s} dbname=team",
    "Server=db;Uid=sa;Pwd={s};",
    "curl -u ada:{s} https://example.com",
    "mysql -u root -p{s} team",
    "PGPASSWORD={s} psql",
)


def masked(source: str) -> str:
    return Masker(None, values=Values()).source(source)[0]


@pytest.mark.parametrize("kind", FORMS)
def test_a_secret_is_known_by_its_form_wherever_it_stands(kind: str) -> None:
    for seed in SEEDS:
        secret = FORMS[kind](Maker(seed))
        for template in SOURCES:
            assert repr(secret)[1:-1] not in masked(template.format(s=secret))
        assert secret not in Masker(None, values=Values()).text(f"it is {secret}\nand more")
        assert json.dumps(secret)[1:-1] not in Masker(None, values=Values()).text(json.dumps({"a": secret}))


@pytest.mark.parametrize("template", NAMED_SOURCES)
def test_a_secret_is_known_by_its_name_in_code(template: str) -> None:
    for seed in SEEDS:
        for name, make in NAMED.values():
            secret = make(Maker(seed))
            assert secret not in masked(template.format(n=name, s=secret)), name


@pytest.mark.parametrize("template", OUTPUTS)
def test_a_secret_is_known_by_its_name_in_outputs(template: str) -> None:
    for seed in SEEDS:
        for name, make in NAMED.values():
            secret = make(Maker(seed))
            assert secret not in Masker(None, values=Values()).text(template.format(n=name, s=secret)), name


@pytest.mark.parametrize("template", ADDRESSES)
def test_a_password_in_an_address_or_a_command_is_found(template: str) -> None:
    for seed in SEEDS:
        secret = Maker(seed).password()
        text = template.format(s=secret)
        assert secret not in Masker(None, values=Values()).text(text)
        assert secret not in masked(f"run({text!r})")


def test_at_most_one_ordinary_cell_in_a_hundred_is_masked() -> None:
    ordinary = cells()
    folders = (ROOT / "example_notebooks", ROOT / "src" / "nbops")
    notebooks = [
        path for folder in folders for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
    ]
    for path in notebooks:
        node = json.loads(path.read_text("utf-8"))
        ordinary += ["".join(cell["source"]) for cell in node["cells"] if cell["cell_type"] == "code"]
    assert len(ordinary) >= 400
    wrong = [cell for cell in ordinary if masked(cell) != cell or Masker(None, values=Values()).text(cell) != cell]
    assert len(wrong) <= len(ordinary) // 100, wrong[:5]


def test_the_statements_of_this_repository_are_left_alone() -> None:
    statements = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text("utf-8")
        lines = text.split("\n")
        statements += ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in ast.parse(text).body[1:]]
    wrong = [statement for statement in statements if masked(statement) != statement]
    assert len(wrong) <= len(statements) // 1000, wrong[:5]
