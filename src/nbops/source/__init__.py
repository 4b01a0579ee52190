"""Reading cell code: notebooks as cells, cells as plain Python, statements as what they bind, read and change.

Nothing here runs a cell or knows of a kernel; rooms above decide what to make of it.
"""

from nbops.source.cells import SourceCell, from_executions, from_texts
from nbops.source.names import Alias, CellNames, Unit, analyse
from nbops.source.notebook import read_notebook
from nbops.source.python import PlainCell, plain
from nbops.source.reads import Reads
from nbops.source.touches import Touch

__all__ = [
    "Alias",
    "CellNames",
    "PlainCell",
    "Reads",
    "SourceCell",
    "Touch",
    "Unit",
    "analyse",
    "from_executions",
    "from_texts",
    "plain",
    "read_notebook",
]
