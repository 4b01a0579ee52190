"""Let the virtual environment's JupyterLab find the panel and the server part of this checkout.

An editable installation does not carry shared data; these links stand in for it, so that a rebuilt panel is there at
the next page load.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINKS = {
    Path("share/jupyter/labextensions/nbops"): ROOT / "src/nbops/labextension",
    Path("etc/jupyter/jupyter_server_config.d/nbops.json"): ROOT / "jupyter-config/nbops.json",
}


def main() -> None:
    """Make both links anew."""
    for place, target in LINKS.items():
        link = Path(sys.prefix) / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        else:
            link.unlink(missing_ok=True)
        link.symlink_to(target)


if __name__ == "__main__":
    main()
