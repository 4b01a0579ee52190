"""A list of all that is in an image, as a CycloneDX document: for whoever has to know what a container is made of.

Read from what the wheels themselves say, after they were unpacked; equal content gives an equal document.
"""

from __future__ import annotations

import email.parser
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPEC_VERSION = "1.5"


def document(sites: Sequence[Path], *, base_name: str, base_id: str) -> dict[str, Any]:
    """Describe packages and the image below them.

    Args:
        sites: folders with unpacked packages.
        base_name: the base image, as people call it.
        base_id: its id, ``sha256:…``.

    Returns:
        A CycloneDX document, ready for JSON.
    """
    packages = [_component(path) for site in sites for path in sorted(site.glob("*.dist-info"))]
    base = {
        "type": "container",
        "bom-ref": f"base:{base_id}",
        "name": base_name,
        "version": base_id,
        "hashes": [{"alg": "SHA-256", "content": base_id.removeprefix("sha256:")}],
    }
    components = [base, *packages]
    content = "\n".join(component["bom-ref"] for component in components)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        # The same parts are the same document, whenever it was written.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "components": components,
    }


def _component(folder: Path) -> dict[str, Any]:
    said = email.parser.HeaderParser().parsestr((folder / "METADATA").read_text("utf-8", errors="replace"))
    name, version = str(said["Name"]), str(said["Version"])
    address = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "purl": address,
    }
    # An expression is checkable; the older free text may be a whole licence.
    expression, text = said["License-Expression"], said["License"]
    if expression:
        component["licenses"] = [{"expression": str(expression)}]
    elif text and len(text) < 80 and "\n" not in text:
        component["licenses"] = [{"license": {"name": str(text)}}]
    return component
