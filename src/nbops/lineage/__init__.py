"""Questions about what was recorded: what a result stands on, whether it still holds, and the cells that lead to it.

``capture`` keeps with each execution what it read and wrote. Here that is followed backwards: ``judge`` tells of each
cell whether its result is stale, ran out of order, was edited or deleted since; ``origin_of`` gives a metric or model
its trust mark with the reasons, ``marked`` says where it was reproduced; ``graph_of`` goes on to modules, data and
files, and begins at endpoints as well; ``write_slice`` writes the executions that lead to it as a notebook that runs.
"""

from __future__ import annotations

from nbops.lineage.graph import Graph, GraphLink, GraphNode, graph_of, served_by
from nbops.lineage.results import Result, result_of
from nbops.lineage.slices import Slice, write_slice
from nbops.lineage.states import CellState, judge
from nbops.lineage.story import Story, label, story_of
from nbops.lineage.trust import Origin, Reason, Step, marked, origin_of

__all__ = [
    "CellState",
    "Graph",
    "GraphLink",
    "GraphNode",
    "Origin",
    "Reason",
    "Result",
    "Slice",
    "Step",
    "Story",
    "graph_of",
    "judge",
    "label",
    "marked",
    "origin_of",
    "result_of",
    "served_by",
    "story_of",
    "write_slice",
]
