"""The way back from what was made to cells, files, modules and sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nbops.errors import NotFoundError, UsageError
from nbops.lineage import Graph, graph_of
from nbops.records import Bundle, Definition, Deployment, Endpoint, ModelVersion, ModuleVersion, Run, new_id
from nbops.views.answers import view_of
from nbops.views.parts import Table
from nbops_serving.manifest import Signature

METRIC = "import nbops; nbops.log_metric('score', total)"


def links(graph: Graph) -> set[tuple[str, str]]:
    names = {node.id: f"{node.kind} {node.name}" for node in graph.nodes}
    told = {(names[link.made], names[link.of]) for link in graph.links}
    # Files elsewhere are those that a traceback of an earlier test's cells was printed from.
    return {(made, of) for made, of in told if not of.startswith("file /")}


def version_of(session: Any, **fields: Any) -> ModelVersion:
    """Record a version as ``log_model`` does in the session's last cell, without a model."""
    last = session.workspace.cells("last")[-1]
    return session.workspace.store.add_version(
        ModelVersion(
            id=new_id(), model="churn", number=1, digest="ab", flavour="skops", type_name="sklearn.svm.SVC",
            signature=Signature(columns=[], output="class"), run_id=last.run_id, execution_id=last.id, created_at=1.0,
            **fields,
        )
    )  # fmt: skip


def deploy(session: Any, version: ModelVersion) -> Endpoint:
    bundle = Bundle(
        id=new_id(), model_version_id=version.id, digest="cd" * 32, path="x", rung="plan", requirements=[],
        size_bytes=1, created_at=1.0,
    )  # fmt: skip
    deployment = Deployment(
        id=new_id(), endpoint="live", bundle_id=bundle.id, model_version_id=version.id, number=1, engine="fake",
        status="ready", started_at=1.0,
    )  # fmt: skip
    endpoint = Endpoint(
        id=new_id(), name="live", engine="fake", address="http://127.0.0.1:1", split={deployment.id: 100},
        created_at=1.0, updated_at=1.0,
    )  # fmt: skip
    session.workspace.store.put(bundle, deployment, endpoint)
    return endpoint


def test_an_endpoint_leads_back_to_the_cells_the_file_and_the_notebook(session: Any) -> None:
    Path("data.csv").write_text("1\n2\n")
    session.run(
        a="with open('data.csv') as file:\n    rows = file.read().split()",
        b="other = 1",
        c="model = [int(row) for row in rows]",
    )
    deploy(session, version_of(session))

    graph = session.workspace.graph("live")

    run = session.workspace.runs()[0].run.name
    assert (graph.of, graph.verdict, graph.left_out) == ("endpoint live", "clean", 0)
    assert links(graph) == {
        ("endpoint live", "deployment live@1"),
        ("deployment live@1", "bundle cdcdcdcdcdcd"),
        ("bundle cdcdcdcdcdcd", "model churn@1"),
        ("model churn@1", "cell In [3]"),
        ("cell In [3]", "cell In [1]"),
        ("cell In [1]", "file data.csv"),
        ("cell In [1]", f"run {run}"),
        (f"run {run}", "file work.ipynb"),
    }
    assert next(link.names for link in graph.links if "rows" in link.names) == ["rows"]
    assert next(node.about for node in graph.nodes if node.name == "data.csv") == "4 bytes"


def test_an_endpoint_has_the_lineage_of_what_it_serves(session: Any) -> None:
    session.run(a="x = [1]", b="model = x + [2]")
    deploy(session, version_of(session))
    found = session.workspace.lineage("live")
    assert (found.of, [step.cell for step in found.steps]) == ("churn@1", ["In [1]", "In [2]"])


def test_a_file_stands_between_the_cell_that_wrote_it_and_the_one_that_read_it(session: Any) -> None:
    session.run(
        a="with open('kept.txt', 'w') as file:\n    _ = file.write('1')",
        b="with open('kept.txt') as file:\n    total = float(file.read())",
        c="with open('kept.txt', 'w') as file:\n    _ = file.write('2')",
        d=METRIC,
    )
    graph = session.workspace.graph("last", metric="score")
    assert {("cell In [2]", "file kept.txt"), ("file kept.txt", "cell In [1]")} <= links(graph)
    assert "In [3]" not in {node.name for node in graph.nodes}


def test_a_run_shows_all_that_it_left_behind_and_doubts_the_cells_that_deserve_it(session: Any) -> None:
    session.run(a="x = [1]", b="total = x[0]", d=METRIC, e="import nbops; nbops.log_metric('other', 2)", f="x = 2")
    session.run(a="x = [5]")
    version_of(session)
    graph = session.workspace.graph("last")
    names = {node.id: node.name for node in graph.nodes}
    assert [names[result] for result in graph.results] == ["score", "other", "churn@1"]
    assert graph.verdict == "tainted"
    doubts = {node.name: node.doubts for node in graph.nodes if node.doubts}
    assert doubts["In [1]"] == ["its cell was edited and ran again as In [6]"]
    assert "x changed since it ran" in doubts["In [2]"]


def test_variables_cells_and_modules_can_be_asked_about(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(session.folder))
    Path("aids.py").write_text("def twice(x):\n    return [*x, *x]\n")
    session.run(
        a="def clean(rows):\n    return rows", b="kept = clean([1])", c="import aids", d="both = aids.twice(kept)"
    )
    by_variable = session.workspace.graph("last", variable="both")
    assert {("variable both", "cell In [4]"), ("cell In [4]", "cell In [3]"), ("cell In [3]", "file aids.py")} <= links(
        by_variable
    )
    made, used = session.workspace.cells("last")[:2]
    assert links(session.workspace.graph(used.id)) >= {("cell In [2]", "cell In [1]")}
    definition = Definition(name="clean", kind="function", digest="x", execution_id=made.id, requested=True)
    module = ModuleVersion(
        id=new_id(), module="tools", version="1.0.0", digest="x", path="tools.py", source=made.source,
        definitions=[definition], provenance="live", created_at=1.0,
    )  # fmt: skip
    session.workspace.store.put(module)
    assert ("module tools@1.0.0", "cell In [1]") in links(session.workspace.graph("tools@1.0.0"))
    version = version_of(session, module_version_ids=[module.id])
    assert ("model churn@1", "module tools@1.0.0") in links(session.workspace.graph(version.id))


def test_a_long_session_is_cut_where_it_is_furthest_from_the_result(session: Any) -> None:
    session.run(c0="x0 = [0]", **{f"c{n}": f"x{n} = x{n - 1} + [1]" for n in range(1, 12)})
    run = session.workspace.store.resolve(Run, "last")
    graph = graph_of(session.workspace.store, run, root=session.folder, variable="x11", most=5)
    assert [node.name for node in graph.nodes] == ["x11", "In [12]", "In [11]", "In [10]", "In [9]"]
    assert graph.left_out >= 8


def test_wrong_questions_say_what_there_is(session: Any) -> None:
    session.run(a="total = 1", d=METRIC)
    version_of(session)
    with pytest.raises(NotFoundError, match="no metric 'nope'; it has: score"):
        session.workspace.graph("last", metric="nope")
    with pytest.raises(UsageError, match="not for both"):
        session.workspace.graph("last", metric="score", variable="total")
    with pytest.raises(UsageError, match="belong to runs"):
        session.workspace.graph("churn@1", metric="score")
    with pytest.raises(NotFoundError, match="'nothing'"):
        session.workspace.graph("nothing")


def test_the_doors_show_it_as_a_tree(session: Any) -> None:
    session.run(a="x = [1]", b="total = x[0]", d=METRIC)
    table = next(part for part in view_of(session.workspace.graph("last", metric="score")) if isinstance(part, Table))
    assert [row[0] for row in table.rows] == [
        "metric",
        "· cell",
        "· · cell",
        "· · · cell",
        "· · · · run",
        "· · · · · file",
    ]
    assert [row[3] for row in table.rows] == ["", "", "total", "x", "", ""]
