"""Documentation that cannot lie: every verb, setting and public name is explained, every link leads somewhere."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from nbops.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_page_is_what_the_grammar_says() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == tool("write_docs").commands_page(), "run: python tools/write_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_setting_is_explained() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    missing = [name for name in Settings.__struct_fields__ if name != "root" and f"`{name}`" not in text]
    assert missing == [], "explain them in docs/settings.md"


def test_no_registry_is_named_in_the_lock_files() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tools" / "peers.lock", ROOT / "labextension" / "yarn.lock"):
        assert re.findall(r"https?://\S+", lock.read_text("utf-8")) == []
