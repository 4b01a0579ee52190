"""Let this environment's JupyterLab load the panel from the checkout: a link, so that a new build is seen by a reload.

Run as ``.venv/bin/python tools/develop_panel.py`` after ``jlpm build``; ``make demo`` and ``make test`` do it.
"""

from __future__ import annotations

from pathlib import Path

from jupyter_builder.federated_extensions import develop_labextension

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "src" / "nbops" / "labextension"

if __name__ == "__main__":
    if not (BUILT / "package.json").is_file():
        raise SystemExit(f"{BUILT} is not built yet: (cd labextension && jlpm install --immutable && jlpm build)")
    develop_labextension(str(BUILT), destination="nbops", overwrite=True, sys_prefix=True)
