"""Verbs of functions that leave a notebook for a module."""

from __future__ import annotations

from nbops.extract import Built, ModuleState, Preview, Pulled, TestReport
from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    DEFINITIONS,
    MODULE,
    NOTEBOOK,
    ONLY,
    OVERWRITE,
)
from nbops.records import (
    ModuleVersion,
)

FUNCTIONS: tuple[Verb, ...] = (
    Verb(
        name="extract",
        topic="functions",
        summary="Take functions and classes out of the notebook into a versioned module.",
        gives=ModuleVersion,
        changes=True,
        options=(
            *DEFINITIONS,
            ONLY,
            OVERWRITE,
            Option(name="accept", kind="flag", help="Let recorded calls give other results than before."),
            Option(
                name="with_tests",
                kind="flag",
                help="Record calls of these functions from now on, and write the tests that replay them.",
            ),
            Option(name="replace", kind="flag", help="Offer the import line that takes the place of the code."),
        ),
        examples=(
            "extract build_features train --to churn.features",
            "extract clean --to churn.clean --notebook churn.ipynb --parameter customers",
        ),
    ),
    Verb(
        name="preview",
        topic="functions",
        summary="Show what extract would write and what is in its way, without writing anything.",
        gives=Preview,
        options=(*DEFINITIONS, ONLY, Option(name="proof", kind="flag", help="Import it in a clean process too.")),
        examples=("preview train --to churn.training",),
    ),
    Verb(
        name="modules",
        topic="functions",
        summary="List the modules taken from notebooks, and whether their files were edited since.",
        gives=list[ModuleState],
        examples=("modules",),
    ),
    Verb(
        name="history",
        topic="functions",
        summary="List every version of a module, newest first.",
        gives=list[ModuleVersion],
        options=(MODULE,),
        examples=("history churn.features",),
    ),
    Verb(
        name="diff",
        topic="functions",
        summary="Show a module's edits three ways (notebook, recorded, file), or two versions against each other.",
        gives=str,
        options=(
            MODULE,
            Option(
                name="other",
                is_argument=True,
                completes="modules",
                help="A second version, such as churn.features@1.0.0.",
            ),
            NOTEBOOK,
        ),
        examples=("diff churn.features", "diff churn.features@1.0.0 churn.features@1.1.0"),
    ),
    Verb(
        name="test",
        topic="functions",
        summary="Replay the calls that were recorded for a module, and say which give something else.",
        gives=TestReport,
        changes=True,
        options=(MODULE,),
        examples=("test churn.features",),
    ),
    Verb(
        name="pull",
        topic="functions",
        summary="Offer what was edited in a module's file as new cells of the notebook; nothing is overwritten.",
        gives=list[Pulled],
        changes=True,
        options=(MODULE, NOTEBOOK),
        examples=("pull churn.features",),
    ),
    Verb(
        name="build",
        topic="functions",
        summary="Build an installable wheel of a package taken from notebooks.",
        gives=Built,
        changes=True,
        options=(
            Option(name="package", is_argument=True, is_required=True, help="The top-level package, such as churn."),
            Option(name="out", kind="path", help="The folder to write to; dist when not given."),
            Option(name="version", help="The wheel's version; its newest module's when not given."),
            OVERWRITE,
        ),
        examples=("build churn",),
    ),
)
