"""Literals of a cell's code, each with the names it goes by: where a value is assigned, passed, compared or kept.

``connect(password="…")``, ``os.environ["X_TOKEN"] = "…"``, ``{"api_key": "…"}``, ``auth=("ada", "…")`` and
``pw = "…"; login(pw)`` all give a literal a name, and the name tells whether it is a secret.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbops.masking import words

_TEXTS = (str, bytes)
# Calls that pass their argument through, or keep it.
_WRAPPERS = frozenset({
    "SecretStr", "SecretBytes", "Secret", "str", "bytes", "b64encode", "b64decode", "urlsafe_b64encode", "quote",
    "quote_plus", "Field", "field", "cast", "Param", "Path", "Header",
    "Depends", "AzureKeyCredential", "Security", "Text", "unhexlify", "fromhex", "a2b_hex",
})  # fmt: skip
_LOGINS = frozenset({
    "login", "authenticate", "auth", "HTTPBasicAuth", "HTTPDigestAuth", "BasicAuth", "basic_auth", "set_basic_auth",
    "HttpNtlmAuth", "UsernamePasswordCredential", "PlainAuthenticator", "PlainTextAuthProvider", "PlainCredentials",
    "sign_in",
})  # fmt: skip
# Methods of a text that leave it what it is.
_METHODS = frozenset({"encode", "decode", "strip", "format", "replace", "lower", "upper", "rstrip", "lstrip"})
# Calls whose second argument is what comes of them where the first is not there.
_LOOK_UPS = frozenset({"getenv", "get", "pop", "setdefault", "getattr"})
_DEFAULTS = frozenset({"default", "value", "initial", "fallback", "const"})
_CONNECTS = frozenset({"connect", "connection", "Connection", "Connect", "create_connection", "open_connection"})
_PAIRS = frozenset({"auth", "http_auth", "basic_auth", "proxy_auth", "credentials", "httpauth", "login", "creds"})
# Functions whose argument tells which secret is wanted.
_ASKS = (
    "get", "fetch", "read", "load", "delete", "list", "describe", "access", "find", "has", "is", "validate",
    "check_for", "remove", "drop", "require", "need", "secret", "Secret", "getpass", "prompt", "input",
    "count", "find",
)  # fmt: skip
# Names under which a random-looking text is an address of something public, not a key to it.
IDENTIFIERS = frozenset({
    "id", "ids", "uuid", "guid", "hash", "sha", "sha1", "sha256", "sha512", "md5", "digest", "checksum", "commit",
    "revision", "etag", "url", "uri", "href", "src", "link", "path", "file", "filename", "image", "img", "data",
    "b64", "base64", "png", "jpeg", "gif", "svg", "fingerprint", "integrity", "cid", "ref", "version", "tag", "doi",
    "arn", "address", "seq", "sequence", "smiles", "inchi", "inchikey", "dna", "rna", "protein", "alphabet", "chars",
    "charset", "letters", "public", "pubkey", "cert", "certificate", "name", "title", "text", "pattern", "regex",
    "font", "encoded", "payload", "blob", "content", "expected", "video", "checkpoint", "model", "dataset", "repo",
    "playlist", "track", "folder", "bucket", "container", "channel", "spreadsheet", "sheet",
})  # fmt: skip


class Literal:
    """A text in the code, and what it is called."""

    __slots__ = ("is_pattern", "names", "node", "value")

    def __init__(self, node: ast.expr, value: str, *, is_pattern: bool = False) -> None:
        self.node = node
        self.value = value
        """The text; a NUL stands for what an f-string computes."""
        self.names: list[str] = []
        self.is_pattern = is_pattern
        """Whether it stands in a ``case``, where no call may stand."""

    @property
    def is_bytes(self) -> bool:
        return isinstance(self.node, ast.Constant) and isinstance(self.node.value, bytes)

    @property
    def is_computed(self) -> bool:
        """Whether it is an f-string."""
        return isinstance(self.node, ast.JoinedStr)


def literals(tree: ast.Module) -> list[Literal]:
    """List a cell's texts, those that are put together of several counted as one.

    Args:
        tree: the cell.

    Returns:
        Each with the names it goes by, in the order they stand.

    Example:
        >>> [(one.value, one.names) for one in literals(ast.parse("connect(host='db', password='pw')"))]
        [('db', ['host']), ('pw', ['password'])]
    """
    reader = _Reader()
    reader.visit(tree)
    for name, one in reader.bound:
        one.names += reader.flows.get(name, [])
    return list(reader.found.values())


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: dict[int, Literal] = {}
        self.flows: dict[str, list[str]] = {}
        self.bound: list[tuple[str, Literal]] = []
        self._in_pattern = False

    # ── what is a text ─────────────────────────────────────────────────────────────────────────────────────────────

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, _TEXTS):
            self._literal(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        # What stands inside of the braces is left alone: its places cannot be told before Python 3.12.
        self._literal(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if _joined(node) is not None:
            self._literal(node)
        else:
            self.generic_visit(node)

    def visit_MatchValue(self, node: ast.MatchValue) -> None:
        self._in_pattern = True
        self.generic_visit(node)
        self._in_pattern = False

    def _literal(self, node: ast.expr) -> Literal | None:
        value = _joined(node)
        if value is None:
            return None
        if id(node) not in self.found:
            self.found[id(node)] = Literal(node, value, is_pattern=self._in_pattern)
        return self.found[id(node)]

    # ── what gives it a name ───────────────────────────────────────────────────────────────────────────────────────

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned(node.target, node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._assigned(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._assigned(node.target, node.value)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self._named(value, key.value)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        names = [name for side in sides if (name := _name_of(side))]
        for side in sides:
            for name in names:
                self._named(side, name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        given = [*node.args.posonlyargs, *node.args.args]
        for argument, default in zip(given[len(given) - len(node.args.defaults) :], node.args.defaults, strict=True):
            self._named(default, argument.arg)
        for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if value is not None:
                self._named(value, argument.arg)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's own names
    visit_Lambda = visit_FunctionDef  # noqa: N815 - as above

    def visit_Call(self, node: ast.Call) -> None:
        function = _name_of(node.func) or ""
        for keyword in node.keywords:
            if keyword.arg is not None:
                self._paired(keyword.value, keyword.arg)
            if keyword.arg in _DEFAULTS:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        self._named(keyword.value, argument.value)
        for first, second in zip(node.args, node.args[1:], strict=False):
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self._named(second, first.value)
        if node.args and function in _LOGINS:
            self._named(node.args[-1], "password" if len(node.args) > 1 else "token")
        elif function in _CONNECTS:
            for argument in node.args[2:]:
                if isinstance(argument, ast.Constant) and words.looks_chosen(str(argument.value)):
                    self._named(argument, "password")
        elif node.args and function and not function.startswith(_ASKS) and function not in _WRAPPERS:
            self._named(node.args[-1], function)
        self.generic_visit(node)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for inner, its in zip(target.elts, value.elts, strict=False):
                self._assigned(inner, its)
            return
        name = _name_of(target)
        if name is None:
            return
        self._paired(value, name)
        if isinstance(target, ast.Name) and (text := self._literal(value)) is not None:
            self.bound.append((target.id, text))

    def _paired(self, value: ast.expr, name: str) -> None:
        """Name a value; of a user and a password under one name the second is meant."""
        if name in _PAIRS and isinstance(value, ast.Tuple) and len(value.elts) == 2:
            self._named(value.elts[1], "password")
        else:
            self._named(value, name)

    def _named(self, node: ast.expr, name: str) -> None:
        """Give a name to the texts that an expression may be."""
        if isinstance(node, ast.Dict) and words.level(name) is not None:
            # Of several under one name some may be users and hosts: those that look made are keys.
            for value in node.values:
                self._named(value, "token")
        for leaf in _leaves(node):
            if isinstance(leaf, ast.Name):
                self.flows.setdefault(leaf.id, []).append(name)
            elif (one := self._literal(leaf)) is not None and name not in one.names:
                one.names.append(name)


def _leaves(node: ast.expr) -> Iterator[ast.expr]:
    """The texts and variables that an expression may come to."""
    if isinstance(node, ast.BinOp) and _joined(node) is None:
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, ast.IfExp):
        yield from _leaves(node.body)
        yield from _leaves(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _leaves(value)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for value in node.elts:
            yield from _leaves(value)
    elif isinstance(node, ast.Await | ast.Starred):
        yield from _leaves(node.value)
    elif isinstance(node, ast.Call):
        yield from _passed(node)
    else:
        yield node


def _passed(node: ast.Call) -> Iterator[ast.expr]:
    name = _name_of(node.func)
    if name in _LOOK_UPS and len(node.args) == 2:
        yield from _leaves(node.args[1])
    if name in _METHODS and isinstance(node.func, ast.Attribute):
        yield from _leaves(node.func.value)
        return
    if name not in _WRAPPERS:
        return
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant | ast.JoinedStr | ast.Name):
        yield from _leaves(node.func.value)
    for argument in (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "default")):
        yield from _leaves(argument)


def _name_of(node: ast.expr) -> str | None:
    """What an expression is called: a variable, an attribute, or the key of a subscript."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _joined(node: ast.expr) -> str | None:
    """The text that an expression is as it stands; None for anything that is computed."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "\0"
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _joined(node.left), _joined(node.right)
        if left is not None and right is not None and not isinstance(node.left, ast.JoinedStr):
            return left + right
    return None
