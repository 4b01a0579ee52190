import inspect
import re
from typing import Any

import pytest

from nbops.errors import UsageError
from nbops.grammar import VERBS, Verb, verb_named
from nbops.grammar.commands import build, complete, invoke
from nbops.workspace import Workspace


def parse(*words: str, door: str = "shell") -> tuple[str, dict[str, Any], bool]:
    seen: list[tuple[str, dict[str, Any], bool]] = []
    group = build(
        lambda verb, values, as_json: seen.append((verb.name, values, as_json)),
        door=door,  # type: ignore[arg-type]
        candidates=lambda noun: {
            "runs": ["last", "0198aa"],
            "endpoints": ["churn"],
            "engines": ["docker", "process"],
        }.get(noun, []),
    )
    invoke(group, list(words))
    return seen[0]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_is_a_workspace_method_with_the_same_arguments(verb: Verb) -> None:
    method = getattr(Workspace, verb.method)
    wanted = [name for name in inspect.signature(method).parameters if name != "self"]
    assert [option.name for option in verb.options] == wanted, (
        f"make the options of {verb.name!r} and Workspace.{verb.method} agree"
    )
    assert method.__doc__.startswith(verb.summary.split(",")[0].split(";")[0].rstrip(".")[:20])


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_example_of_a_verb_is_understood(verb: Verb) -> None:
    import shlex

    assert verb.examples, f"give {verb.name!r} an example"
    for example in verb.examples:
        assert parse(*shlex.split(example))[0] == verb.name


def test_values_reach_the_verb_under_their_python_names() -> None:
    name, values, as_json = parse("runs", "-w", "metrics.a > 1", "--order-by=-metrics.a", "-n", "3", "--json")
    assert (name, as_json) == ("runs", True)
    wanted = {"where": "metrics.a > 1", "order_by": "-metrics.a", "limit": 3, "offset": 0}
    assert values == {**wanted, "archived": False, "deleted": False}


def test_pairs_may_stand_without_an_option_before_them() -> None:
    assert parse("tag", "last", "team=a", "stage=x=y", "--remove", "old")[1] == {
        "run": "last",
        "tags": {"team": "a", "stage": "x=y"},
        "remove": ["old"],
    }
    with pytest.raises(UsageError) as caught:
        parse("tag", "last", "team")
    assert (caught.value.message, caught.value.hint) == ("tags takes NAME=VALUE, not 'team'", "NAME=VALUE")


def test_pairs_become_a_dict_and_keep_later_equal_signs() -> None:
    _, values, _ = parse("retrain", "a.ipynb", "-p", "query=x=1", "--grid", "depth=2,4")
    assert (values["param"], values["grid"]) == ({"query": "x=1"}, {"depth": "2,4"})


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["rnus"], "did you mean runs", "nbops runs --help"),
        (["runs", "--wher", "x"], "--wher", "nbops runs"),
        (["runs", "-n", "many"], "'many'", "nbops runs"),
        (["extract", "f"], "--to", "nbops extract"),
        (["check"], "MODEL", "nbops check"),
        (["retrain", "a.ipynb", "-p", "depth"], "NAME=VALUE", "NAME=VALUE"),
        (["retrain", "a.ipynb", "--sampler", "podman"], "tpe", "nbops retrain"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_call_is_answered_with_the_right_one(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_verb_of_the_shell_alone_says_so_in_a_notebook() -> None:
    with pytest.raises(UsageError, match="shell only"):
        parse("demo", door="notebook")


def test_help_groups_verbs_by_topic_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    group = build(lambda *_: None, door="shell", candidates=lambda _: [])
    invoke(group, ["--help"])
    overview = capsys.readouterr().out
    invoke(group, ["runs", "--help"])
    detail = capsys.readouterr().out
    assert overview.index("Start here") < overview.index("Endpoints:")
    assert all(verb.name in overview for verb in VERBS)
    assert "nbops runs --where" in detail


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["mlflow", "exprot"], "Did you mean 'export'", "nbops mlflow --help"),
        (["mlflow", "export"], "missing option '--to'", "nbops mlflow export --to http://127.0.0.1:5000"),
        (["mlflow", "import", "--fro", "x"], "no such option '--fro'", "--from: nbops mlflow import --help"),
    ],
)
def test_a_verb_of_two_words_is_answered_with_its_own_right_call(words: list[str], message: str, hint: str) -> None:
    group = build(lambda *_: None, door="shell", candidates=lambda _: [])
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        invoke(group, words)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "ru", ["runs"]),
        (["runs"], "--ord", ["--order-by"]),
        (["cells"], "01", ["0198aa"]),
        (["predict"], "", ["churn"]),
        (["deploy", "m", "--engine"], "d", ["docker"]),
        (["mlflow"], "ex", ["export"]),
        (["mlflow", "export"], "01", ["0198aa"]),
    ],
)
def test_verbs_options_and_ids_are_completed(words: list[str], incomplete: str, offered: list[str]) -> None:
    group = build(
        lambda *_: None,
        door="shell",
        candidates=lambda noun: {
            "runs": ["last", "0198aa"],
            "endpoints": ["churn"],
            "engines": ["docker", "process"],
        }.get(noun, []),
    )
    assert complete(group, words, incomplete) == offered


def test_unknown_verb_lists_near_ones() -> None:
    assert verb_named("deploy").changes
    with pytest.raises(UsageError, match="deploy"):
        verb_named("deplyo")


def test_ctrl_c_stays_ctrl_c() -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    group = build(interrupted, door="shell", candidates=lambda _: [])
    with pytest.raises(KeyboardInterrupt):
        invoke(group, ["status"])
