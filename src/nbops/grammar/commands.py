"""The verbs as click commands, which parse, explain and complete in the shell and in the notebook alike."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbops.errors import UsageError
from nbops.grammar.language import Door, Option, Verb
from nbops.grammar.verbs import VERBS, verb_named

if TYPE_CHECKING:
    import click

Do = Callable[[Verb, dict[str, Any], bool], Any]
"""What a door does with a parsed verb: ``do(verb, values, as_json)``."""
Candidates = Callable[[str], list[str]]
"""What may stand for a noun just now: ``candidates("runs") -> ids and names``."""


@dataclass(frozen=True)
class _Done:
    """What a door's ``do`` returned."""

    value: Any


TOPICS = {
    "start": "Start here",
    "runs": "Runs",
    "functions": "Functions to modules",
    "retraining": "Retraining",
    "schedules": "Schedules",
    "models": "Models",
    "endpoints": "Endpoints",
    "watching": "Watching",
    "others": "Other tools",
}


def build(do: Do, *, door: Door, candidates: Candidates) -> click.Group:
    """Make the command group for one door.

    Args:
        do: called with a verb, its values by option name, and whether JSON was asked for.
        door: ``"shell"`` or ``"notebook"``; verbs without this door are left out.
        candidates: offers ids and names for completion.

    Returns:
        A click group; ``invoke`` parses one line and returns what ``do`` returned.
    """
    import click

    class Group(click.Group):
        def get_command(self, ctx: Any, name: str) -> Any:
            return self.commands.get(name)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and not args[0].startswith("-") and args[0] not in self.commands:
                verb_named(args[0])  # raises with near names, unless the verb has another door
                raise UsageError(f"{args[0]!r} works in the shell only", hint=f"!nbops {' '.join(args)}")
            return super().resolve_command(ctx, args)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            for topic, title in TOPICS.items():
                rows = [(verb.name, verb.summary) for verb in VERBS if verb.topic == topic and door in verb.doors]
                if rows:
                    with formatter.section(title):
                        formatter.write_dl(rows)

    prefix = "%nbops" if door == "notebook" else "nbops"
    group = Group(
        name=prefix,
        help="From a notebook cell to a watched, retrained container, with nothing lost in between.",
        epilog=f"{prefix} VERB --help explains one verb with examples.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        # Bare `nbops` explains itself.
        no_args_is_help=True,
    )
    for verb in VERBS:
        if door in verb.doors:
            first, _, second = verb.name.rpartition(" ")
            owner = _group_of(group, first) if first else group
            owner.add_command(_command(verb, do, prefix=prefix, candidates=candidates), second)
    return group


def _group_of(group: click.Group, first: str) -> click.Group:
    """The group of all verbs that begin with the same word, such as ``mlflow``."""
    import click

    if first not in group.commands:
        sentences = [verb.summary for verb in VERBS if verb.name.startswith(f"{first} ")]
        group.add_command(
            click.Group(
                first,
                help=" ".join(sentences),
                context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
                no_args_is_help=True,
            )
        )
    found = group.commands[first]
    assert isinstance(found, click.Group)
    return found


def invoke(group: click.Group, args: list[str]) -> Any:
    """Parse one line and do it.

    Args:
        group: from ``build``.
        args: the words after ``nbops``.

    Returns:
        What the door's ``do`` returned; None after ``--help``.

    Raises:
        UsageError: the line cannot be understood; the hint shows the right call.
    """
    import click

    try:
        done = group.main(args=args, prog_name=group.name, standalone_mode=False)
        # click returns an exit code when it has only explained something.
        return done.value if isinstance(done, _Done) else None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return None
    except click.exceptions.Abort:
        # What click makes of Ctrl-C; the doors know the real one.
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        raise UsageError(_sentence(error), hint=_right_call(error, group)) from error


def complete(group: click.Group, words: list[str], incomplete: str) -> list[str]:
    """Offer what may come next on a line.

    Args:
        group: from ``build``.
        words: the finished words after ``nbops``.
        incomplete: the word being typed, possibly empty.
    """
    from click.shell_completion import ShellComplete

    shell = ShellComplete(group, {}, str(group.name), "_NBOPS_COMPLETE")
    return [item.value for item in shell.get_completions(words, incomplete) if item.type == "plain"]


def _command(verb: Verb, do: Do, *, prefix: str, candidates: Candidates) -> click.Command:
    import click

    def callback(as_json: bool, **values: Any) -> Any:
        named = {option.name: _value(option, values[option.name]) for option in verb.options}
        return _Done(do(verb, named, as_json))

    params = [_param(option, candidates) for option in verb.options]
    params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print the answer as JSON."))
    examples = "\n".join(f"  {prefix} {example}" for example in verb.examples)
    return click.Command(
        verb.name,
        params=params,
        callback=callback,
        help=verb.summary,
        # \b keeps click from re-wrapping the examples.
        epilog=f"\b\nExamples:\n{examples}" if examples else None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


def _param(option: Option, candidates: Candidates) -> click.Parameter:
    import click

    kind = {
        "text": click.STRING,
        "integer": click.IntRange(min=None if option.minimum is None else int(option.minimum)),
        "number": click.FloatRange(min=option.minimum),
        "flag": click.BOOL,
        "path": click.Path(),
        "choice": click.Choice(option.choices),
        "pairs": click.STRING,
    }[option.kind]

    def offer(_ctx: Any, _param: Any, incomplete: str) -> list[str]:
        found = candidates(option.completes) if option.completes else []
        return [word for word in found if word.startswith(incomplete)]

    offers: dict[str, Any] = {"shell_complete": offer} if option.completes else {}
    if option.default is not None:
        # click takes default=None for a default, which would make a required option optional.
        offers["default"] = option.default
    if option.is_argument:
        return click.Argument(
            [option.name],
            type=kind,
            nargs=-1 if option.is_many or option.kind == "pairs" else 1,
            required=option.is_required,
            metavar=option.metavar or option.name.upper(),
            **offers,
        )
    if option.kind == "flag":
        names = [f"{option.flag}/--no-{option.flag[2:]}" if option.default else option.flag, option.name]
        return click.Option(names, is_flag=True, default=bool(option.default), help=option.help, show_default=True)
    return click.Option(
        [*([option.short] if option.short else []), option.flag, option.name],
        type=kind,
        multiple=option.is_many or option.kind == "pairs",
        required=option.is_required,
        metavar=option.metavar,
        help=option.help,
        show_default=option.default is not None,
        **offers,
    )


def _value(option: Option, value: Any) -> Any:
    if option.kind == "pairs":
        return dict(_pair(option, text) for text in value or ())
    if option.is_many:
        return list(value or ())
    return value


def _pair(option: Option, text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        typed = "" if option.is_argument else f"{option.flag} "
        raise UsageError(
            f"{typed or option.name + ' '}takes {option.metavar}, not {text!r}", hint=f"{typed}{option.metavar}"
        )
    return name.strip(), value


def _sentence(error: Any) -> str:
    message = str(error.format_message()).rstrip(".")
    return message[:1].lower() + message[1:]


def _right_call(error: Any, group: click.Group) -> str:
    path = error.ctx.command_path if error.ctx is not None else str(group.name)
    name = path.removeprefix(str(group.name)).strip()
    verb = next((verb for verb in VERBS if verb.name == name), None)
    if verb is None:
        return f"{path} --help"
    wrong = getattr(error, "option_name", None)
    near = difflib.get_close_matches(wrong or "", [option.flag for option in verb.options], n=1)
    return f"{near[0]}: {group.name} {verb.name} --help" if near else f"{group.name} {_first_example(verb)}"


def _first_example(verb: Verb) -> str:
    return verb.examples[0] if verb.examples else f"{verb.name} --help"


__all__ = ["Candidates", "Do", "build", "complete", "invoke"]
