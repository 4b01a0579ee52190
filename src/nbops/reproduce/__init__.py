"""A recorded run as something that can be run again: what it needs, where it may write, what came out the same.

``plan_of`` says what has to be run and what it read; ``inputs_of`` looks for that by its hash; ``scratch`` makes the
folder it works in, and ``nbops.reproduce.scene`` keeps its kernel there. ``compare`` holds both runs against each
other, and ``causes`` says why they differ. Starting the kernel is left to those above.
"""

from __future__ import annotations

from nbops.reproduce.causes import causes, discrepancies
from nbops.reproduce.environments import variables_of
from nbops.reproduce.plan import Plan, plan_of
from nbops.reproduce.rebuilding import rebuilt
from nbops.reproduce.scene import VARIABLE, Scene
from nbops.reproduce.scratch import Changed, Inputs, Scratch, inputs_of, scratch
from nbops.reproduce.verdicts import Ran, compare, first_difference, kept, overall, ran

__all__ = [
    "VARIABLE",
    "Changed",
    "Inputs",
    "Plan",
    "Ran",
    "Scene",
    "Scratch",
    "causes",
    "compare",
    "discrepancies",
    "first_difference",
    "inputs_of",
    "kept",
    "overall",
    "plan_of",
    "ran",
    "rebuilt",
    "scratch",
    "variables_of",
]
