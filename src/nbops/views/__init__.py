"""Every answer as something to look at: rich HTML and aligned text from one description.

``view_of(answer)`` describes an answer as a few parts (facts, tables, code); ``to_html`` and ``to_text`` draw them. The
HTML has inline styles and no script, takes JupyterLab's colours where they are and its own elsewhere, so that it still
reads after papermill, nbconvert and on GitHub.
"""

from nbops.views.answers import view_of
from nbops.views.html import to_html
from nbops.views.parts import Code, Facts, Heading, Note, Part, Table
from nbops.views.text import to_text

__all__ = ["Code", "Facts", "Heading", "Note", "Part", "Table", "bundle_of", "to_html", "to_text", "view_of"]


def bundle_of(answer: object) -> dict[str, str]:
    """Return an answer as a mime bundle with ``text/html`` and ``text/plain``.

    Example:
        >>> sorted(bundle_of("two lines"))
        ['text/html', 'text/plain']
    """
    parts = view_of(answer)
    return {"text/html": to_html(parts), "text/plain": to_text(parts)}
