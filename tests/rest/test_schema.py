"""The panel's types are written from the routes, and committed."""

from __future__ import annotations

from pathlib import Path

from nbops.rest.typescript import CURE, typescript

SCHEMA = Path(__file__).resolve().parents[2] / "labextension" / "src" / "schema.ts"


def test_the_panels_types_are_those_of_the_routes() -> None:
    assert SCHEMA.read_text("utf-8") == typescript(), f"labextension/src/schema.ts is behind; run: {CURE}"
