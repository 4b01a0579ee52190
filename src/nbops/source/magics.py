"""What magics are called, what Python their lines hold, and which names they set themselves."""

from __future__ import annotations

import ast
import re
import textwrap

# These run their body in the notebook's namespace, so what it defines is defined in the notebook.
TRANSPARENT_CELL_MAGICS = frozenset(
    {"time", "capture", "prun", "nbops", "memit", "snakeviz", "heat", "scalene", "debug"}
)
TRANSPARENT_LINE_MAGICS = frozenset({"time", "memit", "prun", "lprun", "mprun"})
FUNCTION_MAGICS = frozenset({"timeit"})
"""These run their code as a function of its own: what it binds stays there."""

_NOT_PYTHON = frozenset(
    {"!", "HTML", "SVG", "bash", "cmd", "css", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy"}
    | {"python", "python2", "python3", "ruby", "script", "sh", "svg", "sx", "system", "writefile"}
)
"""Cell magics whose body no Python of this kernel runs."""
_WITH_VALUE = {"timeit": "nrp", "prun": "lsTD", "memit": "rt", "lprun": "fmDTsu", "mprun": "fT"}
"""Options of one letter that take a value, by magic."""
_AUTOMATIC = re.compile(r"(?:run|time|timeit|prun|memit|lprun|pylab|store)\s+\S|cd\s+[\w.~/\\-]")
_OUTPUT = re.compile(r"(?:^|\s)(?:-o|--out|--output|--err|--proc)[\s=]+([\w,]+)")


def is_python(name: str) -> bool:
    """Whether the body of a cell magic may be Python that this kernel runs.

    Example:
        >>> is_python("timeit"), is_python("bash")
        (True, False)
    """
    return name not in _NOT_PYTHON


def is_unknown(name: str) -> bool:
    """Whether a cell magic may do with Python whatever it likes."""
    return is_python(name) and name not in TRANSPARENT_CELL_MAGICS | FUNCTION_MAGICS


def is_automatic(source: str) -> bool:
    """Whether a cell is one line that IPython takes for a magic without its sign: ``run tools.py``."""
    return "\n" not in source.strip() and _AUTOMATIC.match(source.strip()) is not None


def magic_call(node: ast.AST) -> tuple[str, str, str] | None:
    """Recognise what IPython's transforms make of a magic: ``(method, name, argument)``.

    Example:
        >>> magic_call(ast.parse("get_ipython().run_line_magic('time', 'x')", mode="eval").body)
        ('run_line_magic', 'time', 'x')
    """
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    owner = node.func.value
    if not (isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython"):
        return None
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if node.func.attr in {"run_line_magic", "run_cell_magic"} and len(texts) >= 2:
        return node.func.attr, texts[0], texts[1]
    if node.func.attr in {"system", "getoutput"} and texts:
        return node.func.attr, "!", texts[0]
    return None


def body_of(node: ast.Call) -> str:
    """The cell below a cell magic, as it stands in the call that IPython makes of it."""
    body = node.args[2] if len(node.args) > 2 else None
    return body.value if isinstance(body, ast.Constant) and isinstance(body.value, str) else ""


def as_typed(kind: str, name: str, argument: str) -> str:
    """Write a magic as a person does."""
    if kind in {"system", "getoutput"}:
        return f"!{argument}"
    return f"{'%%' if kind == 'run_cell_magic' else '%'}{name} {argument}".rstrip()


def magics_in(node: ast.AST) -> list[str]:
    """List the magics and shell commands anywhere inside a tree, as typed.

    Example:
        >>> magics_in(ast.parse("def f():\\n    get_ipython().system('ls')"))
        ['!ls']
    """
    return [as_typed(*call) for child in ast.walk(node) if (call := magic_call(child)) is not None]


def statement_in(name: str, line: str) -> str:
    """The Python in a magic's line, without the options before it.

    Example:
        >>> statement_in("timeit", "-n 2 -r1 xs.append(2)"), statement_in("prun", "-q work(rows)")
        ('xs.append(2)', 'work(rows)')
    """
    with_value = rf"[{_WITH_VALUE[name]}]\s*\S+|" if name in _WITH_VALUE else ""
    options = re.match(rf"\s*(?:-(?:{with_value}-?[a-zA-Z][\w-]*)\s*)*", line)
    return textwrap.dedent(line[options.end() if options else 0 :])


def names_set(name: str, line: str) -> frozenset[str]:
    """Names that a magic itself gives a value.

    Example:
        >>> sorted(names_set("capture", "out --no-stderr") | names_set("store", "-r a b"))
        ['a', 'b', 'out']
        >>> names_set("bash", "--out text")
        frozenset({'text'})
    """
    found = {word for words in _OUTPUT.findall(line) for word in words.split(",")} if name != "timeit" else set()
    if name in {"capture", "bigquery"}:
        found.update([word for word in line.split() if not word.startswith("-")][:1])
    if name == "sql" and (stored := re.match(r"\s*(\w+)\s*<<", line)) is not None:
        found.add(stored.group(1))
    if name == "store" and "-r" in line.split():
        found.update(word for word in line.split() if word.isidentifier())
    return frozenset(word for word in found if word.isidentifier())
