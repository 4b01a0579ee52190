"""Whether a cell that has stirred a random generator has drawn from it, or only imported what did."""

from __future__ import annotations

import ast
import re

from nbops.source.python import plain

_DRAWING = re.compile(r"\brandom\b|\b(?:choice|choices|randint|sample|shuffle|uniform)\s*\(")


def draws(source: str, generator: str) -> bool:
    """Tell whether random numbers of a cell are its own.

    Libraries stir Python's ``random`` when they are imported, for names of files and the like, and nothing that the
    cell computes comes from that.

    Args:
        source: the cell that stirred the generator.
        generator: ``random`` or ``numpy``.

    Example:
        >>> draws("from sklearn.svm import SVC", "random"), draws("import random; x = random.random()", "random")
        (False, True)
    """
    if generator != "random" or _DRAWING.search(source):
        return True
    tree = plain(source).tree
    return tree is None or not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
