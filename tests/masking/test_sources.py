"""What stands in a recorded cell in place of its secrets, and that it still runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from planted_secrets import FORMS, Maker

from nbops.masking import Masker
from nbops.masking.known import Values
from nbops.masking.marks import is_same_source, marks_in

TOKEN = FORMS["GitHub token"](Maker(1))
WORD = Maker(1).password()

CASES = {
    "token = '@T'": 'token = nbops.secret("ID")',
    "f(1, password='@W', b=2)": 'f(1, password=nbops.secret("ID"), b=2)',
    "token = b'@T'": 'token = nbops.secret("ID").encode()',
    "x = '@A' + '@B'": 'x = nbops.secret("ID")',
    "h = {'Authorization': 'Bearer @T'}": "h = {'Authorization': f'Bearer {nbops.secret(\"ID\")}'}",
    'e = connect("postgresql://ada:@W@db/{x}")': "e = connect(f\"postgresql://ada:{nbops.secret('ID')}@db/{{x}}\")",
    'e = connect(f"postgresql://{u}:@W@{h}/x")': "e = connect(f\"postgresql://{u}:{nbops.secret('ID')}@{h}/x\")",
    'text = """\npassword: @W\n"""': 'text = f"""\npassword: {nbops.secret(\'ID\')}\n"""',
    "auth = ('ada', '@W')": "auth = ('ada', nbops.secret(\"ID\"))",
    "!curl -u ada:@W http://x": '!curl -u ada:{nbops.secret("ID")} http://x',
    "%env MY_TOKEN=@T": '%env MY_TOKEN={nbops.secret("ID")}',
    "%%time\nf(api_key='@T')": '%%time\nf(api_key=nbops.secret("ID"))',
    "%%bash\nexport DB_PASSWORD=@W": "%%bash\nexport DB_PASSWORD=$NBOPS_SECRET_UPPER",
    "x = 1  # the password: @W": "x = 1  # the password: [masked: ID password]",
    "match x:\n    case '@T':\n        pass": "match x:\n    case '[masked: ID GitHub token]':\n        pass",
    "f('@T'": "f('[masked: ID GitHub token]'",
    "é = 'ü'; password = '@W'; z = 'ß'": "é = 'ü'; password = nbops.secret(\"ID\"); z = 'ß'",
}


def filled(text: str) -> str:
    for mark, value in (("@T", TOKEN), ("@W", WORD), ("@A", TOKEN[:9]), ("@B", TOKEN[9:])):
        text = text.replace(mark, value)
    return text


@pytest.mark.parametrize("source", CASES, ids=range(len(CASES)))
def test_a_secret_in_a_cell_becomes_a_call(source: str, masker: Masker) -> None:
    typed = filled(source)
    masked, (secret_id,) = masker.source(typed)
    assert masked == CASES[source].replace("ID", secret_id).replace("UPPER", secret_id.upper())
    assert marks_in(masked) == [secret_id]
    assert is_same_source(masked, typed)
    assert not is_same_source(masked, typed + "\nmore = 1")


def test_what_was_masked_is_masked_no_further(masker: Masker) -> None:
    for source in CASES:
        once, _ = masker.source(filled(source))
        assert masker.source(once)[0] == once
    shown = masker.text(f"password={WORD} {TOKEN}")
    assert masker.text(shown) == shown


def test_a_masked_cell_gives_the_same_as_before(masker: Masker) -> None:
    secrets: dict[str, str] = {}

    class Nbops:
        @staticmethod
        def secret(secret_id: str) -> str:
            return secrets[secret_id]

    for source, name in (
        ("a = 'postgresql://ada:@W@db/' + r'\\d{2}'", "a"),
        ("u, b = 'ada', 2\na = f'https://{u}:@W@h/{b:>3}?x={{}}'", "a"),
        ("a = ('one ' 'password=@W ' \"it's\")", "a"),
        ("a = {'password': '@W', 'k': ['@T', b'@T']}", "a"),
        ("a = b'password=@W;x=1'", "a"),
        ("a = 'tab\\tpassword=@W\\n{}'.format(1)", "a"),
    ):
        typed = filled(source)
        masked, ids = masker.source(typed)
        assert WORD not in masked
        secrets.update({one: value for one in ids for value in (WORD, TOKEN) if masker.id_of(value, "") == one})
        before: dict[str, Any] = {}
        after: dict[str, Any] = {"nbops": Nbops}
        exec(typed, before)
        exec(masked, after)
        assert after[name] == before[name]


def test_the_same_value_has_one_id_and_a_later_mention_is_masked_too(masker: Masker) -> None:
    first, (one,) = masker.source(f"password = '{WORD}'")
    second, (other,) = masker.source(f"print('{WORD}', x)")
    assert (one, first) == (other, f'password = nbops.secret("{one}")')
    assert second == f'print(nbops.secret("{one}"), x)'


def test_a_line_may_say_that_it_holds_no_secret(masker: Masker) -> None:
    typed = f"api_key = '{TOKEN}'  # pragma: allowlist secret"
    assert masker.source(typed) == (typed, [])
    assert masker.text(f"it is {TOKEN}") == f"it is {TOKEN}"


def test_values_and_ids_may_be_allowed_by_the_settings(masker: Masker) -> None:
    assert Masker(None, values=Values(), allowed=[TOKEN]).source(f"x = '{TOKEN}'")[1] == []
    secret_id = masker.id_of(TOKEN, "GitHub token")
    known = Masker(None, values=Values(), allowed=[secret_id])
    known._ids = masker._ids
    assert known.source(f"x = '{TOKEN}'")[1] == []
    assert Masker(None, values=Values(), is_on=False).source(f"x = '{TOKEN}'") == (f"x = '{TOKEN}'", [])


def test_a_known_value_is_masked_in_every_spelling(masker: Masker) -> None:
    import base64
    import json
    from urllib.parse import quote

    value = 'p"ss\\w/rd é&1'
    masker.values.learn(value, "password", is_sure=True)
    for spelling in (
        value, repr(value), json.dumps(value), quote(value), quote(value, safe=""), f"ada:{value}",
        base64.b64encode(value.encode()).decode(), base64.b64encode(b"ada:" + value.encode()).decode(),
        value.replace("&", "&amp;"),
    ):  # fmt: skip
        shown = masker.text(f"<{spelling}>")
        assert "[masked: " in shown, spelling
        assert "ss\\w" not in shown
    masker.values.learn(TOKEN, "GitHub token")
    assert masker.text(f"0  {TOKEN[:30]}...") == f"0  [masked: {masker.id_of(TOKEN, '')} GitHub token]"


def test_a_secret_at_the_limit_is_not_cut_in_half(masker: Masker) -> None:
    for before in range(90, 101):
        head = masker.head("x" * before + " " + TOKEN + " y" * 50, 100)
        assert TOKEN[:8] not in head
    assert re.fullmatch(r"x{40}…|x{40}", masker.head("x" * 40, 100))
