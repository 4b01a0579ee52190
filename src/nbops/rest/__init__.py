"""The REST API under the Jupyter server: the grammar's verbs as routes, and news of the store as Jupyter events.

``routes`` lists every address with its types, ``projects`` opens the stores that requests and watchers read,
``handlers`` parses and renders, ``openapi`` and ``typescript`` write down what ``routes`` says. Nothing here knows how
a verb does its work: that is the workspace's.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Jupyter server asks for this when it loads the extension."""
    from nbops.rest.extension import NbopsExtension

    return [{"module": "nbops.rest", "app": NbopsExtension}]


__all__ = ["_jupyter_server_extension_points"]
