"""A server of a scikit-learn model imports what answers, not what happens to be installed."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, math, sys
from nbops_serving import server
from nbops_serving.bundle import open_bundle

bundle = open_bundle(sys.argv[1])
options = server.Options(bundle=sys.argv[1])
rung = server.load(options, bundle, server.counters(bundle, 1)).rung
names = [column.name for column in bundle.manifest.signature.columns]
rows = [tuple(row[name] for name in names) for row in bundle.manifest.example]
loaded = [name for name in ("pandas", "pyarrow", "pytest", "dask", "rich") if name in sys.modules]
same = rung.answer(rows).predictions == bundle.manifest.expected
try:
    age, _, city = rows[0]
    refused = rung.answer([(age, math.inf, city)])
except ValueError as error:
    refused = str(error)
from scipy._lib._docscrape import NumpyDocString
notes = NumpyDocString("What it does.\\n\\nNotes\\n-----\\nMuch.\\n")["Notes"]
import pytest, dask.array, rich  # as ever, once somebody asks for them
print(json.dumps([loaded, same, refused, "pandas" in sys.modules, notes]))
"""


def test_what_is_only_looked_for_is_not_imported_until_somebody_needs_it(strict):
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(strict.path)], capture_output=True, text=True, check=True
    )
    loaded, same, refused, has_pandas, notes = json.loads(done.stdout)
    assert (loaded, same) == ([], True)
    assert "infinity" in refused  # the whole pipeline has said that, which takes a frame
    assert has_pandas
    assert notes == ["Much."]  # docstrings are read again once everything is imported
