"""What a benchmark says at its end: figures and bars, and the same as JSON with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def report(figures: Mapping[str, Any], bars: Mapping[str, str], target: Path | None) -> None:
    """Print a line a figure and a line a bar; write all of it to ``target`` where one is given."""
    width = max(map(len, figures), default=0) + 2
    for name, figure in figures.items():
        print(f"{name:{width}} {f'{figure:.4g}' if isinstance(figure, float) else figure}")
    for name, bar in bars.items():
        print(f"bar: {name} {bar}")
    if target:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
        target.write_text(json.dumps({"figures": figures, "bars": bars, "machine": machine}, indent=1), "utf-8")
