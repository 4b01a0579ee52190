"""The access to one endpoint while it is changed: what its servers and its edge are given, and nbops' own way in.

A server that asks for keys is proven like any other: nbops makes itself a key for as long as that takes, whose digest
stands beside the others and is taken away again. The key itself is written nowhere.
"""

from __future__ import annotations

import functools
import shutil
import time
from pathlib import Path

from nbops.deploy import client, docker_client
from nbops.deploy.access import CERTIFICATE, KEYS, PINNED, Access, certificate_text, keys_text, lay, pinned
from nbops.deploy.edge import Edge, runtime
from nbops.deploy.engine import Handle
from nbops.errors import ConflictError, DeployError
from nbops.records import Endpoint
from nbops_serving import keys as api_keys

OWN = "nbops-deploy"
"""Whose key it is that nbops asks with."""

ADMISSION_TIMEOUT_S = 10.0
"""How long a server may take to notice that its keys have changed; it looks once a second."""


class Admission:
    """What one endpoint's servers and edge are given of its access.

    Args:
        folder: of the endpoint.
        access: the files that were named, now or when it was deployed before.
    """

    def __init__(self, folder: Path, access: Access) -> None:
        self.access = access
        self._folder = folder
        self._key: str | None = None

    @functools.cached_property
    def keys(self) -> str:
        """The keys' lines; empty where everybody may ask."""
        return keys_text(self.access)

    @functools.cached_property
    def certificate(self) -> str:
        """Certificate and private key in PEM; empty for plain HTTP."""
        return certificate_text(self.access)

    def refuse_other_scheme(self, live: Endpoint) -> None:
        """Refuse what would change ``http`` to ``https`` or back: clients know the address.

        Raises:
            ConflictError: it would.
        """
        scheme = "https" if self.certificate else "http"
        if not live.address.startswith(f"{scheme}:"):
            cure = "--tls-cert FILE --tls-key FILE" if self.certificate else "--tls-cert none"
            raise ConflictError(
                f"endpoint {live.name} answers at {live.address} and would have to change to {scheme}, which its "
                "clients do not know",
                code="scheme_fixed",
                hint=f"nbops stop {live.name}, then deploy it again with {cure}",
            )

    def give_server(self, folder: Path, built: Handle, *, has_edge: bool) -> None:
        """Lay down what a server reads that is about to start: keys, nbops' own among them, and a certificate.

        Args:
            folder: that it will see.
            built: what its engine wrote down of it.
            has_edge: whether an edge stands before it, which then has the certificate.
        """
        if self.certificate and not has_edge:
            lay(self._folder, PINNED, pinned(self.certificate), owner=None)
            lay(folder, CERTIFICATE, self.certificate, owner=_owner(built))
        if self.keys:
            lay(folder, KEYS, self.keys + self._own_line(), owner=_owner(built))

    def enter(self, handle: Handle, address: str) -> None:
        """Get in at a server that runs already.

        Raises:
            DeployError: it does not notice the new key.
        """
        folder = _folder(handle)
        if folder is None:
            return
        _exchange_keys(handle, _clients(folder) + self._own_line())
        deadline = time.monotonic() + ADMISSION_TIMEOUT_S
        while not client.is_admitted(self.server(address)):
            if time.monotonic() > deadline:
                raise DeployError(f"the server on {address} does not take its new API keys", code="keys_not_taken")
            time.sleep(0.05)

    def leave(self, handle: Handle) -> None:
        """Take nbops' own key away from a server."""
        self._key = None
        folder = _folder(handle)
        if folder is not None:
            _exchange_keys(handle, _clients(folder))

    def give_edge(self, edge: Edge, handle: Handle | None) -> None:
        """Give an edge the certificate: one that is about to open, or one that answers and goes on doing so.

        Args:
            edge: the edge.
            handle: of the one that answers; None for one that is about to open.
        """
        if not self.certificate and handle is not None:
            return  # an edge that answers keeps its scheme
        edge.keep_certificate(self.certificate)
        lay(self._folder, PINNED, pinned(self.certificate) if self.certificate else "", owner=None)
        if handle is not None:
            runtime(handle).exchange_certificate(edge.certificate_path, self.certificate)

    def server(self, address: str) -> client.Server:
        """Whom to ask at one of the endpoint's own addresses, with the key that nbops has just now."""
        certificate = str(self._folder / PINNED) if address.startswith("https:") else None
        return client.Server(address, self._key, certificate)

    def noted(self, handle: Handle) -> Handle:
        """An endpoint's handle with the files that were named, and where its certificate is."""
        bare = {name: value for name, value in handle.items() if name not in (*Access.__struct_fields__, "certificate")}
        has_certificate = self.access.tls_cert is not None
        return bare | self.access.written() | ({"certificate": str(self._folder / PINNED)} if has_certificate else {})

    def _own_line(self) -> str:
        self._key, line = api_keys.make(OWN)
        return f"{line}\n"


def has_keys(handle: Handle) -> bool:
    """Tell whether a deployment asks for API keys."""
    folder = _folder(handle)
    return folder is not None and (folder / KEYS).is_file()


def pass_on(keys: str, handle: Handle) -> None:
    """Let a deployment that asks for keys ask for these from now on."""
    if keys and has_keys(handle):
        _exchange_keys(handle, keys)


def discard(handle: Handle) -> None:
    """Remove what a deployment was given, when it is over."""
    folder = _folder(handle)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(handle: Handle) -> Path | None:
    return Path(str(handle["access"])) if handle.get("access") else None


def _clients(folder: Path) -> str:
    """The keys' lines without those of nbops, also of a rollout that was killed."""
    lines = (folder / KEYS).read_text("utf-8").splitlines() if (folder / KEYS).is_file() else []
    return "".join(f"{line}\n" for line in lines if not line.startswith(f"{OWN} "))


def _exchange_keys(handle: Handle, text: str) -> None:
    folder = _folder(handle)
    assert folder is not None
    lay(folder, KEYS, text, owner=_owner(handle))
    if handle.get("volume"):
        from nbops.deploy import spool

        spool.renew(handle, folder)


def _owner(handle: Handle) -> tuple[int, int] | None:
    """Containers have a user of their own."""
    return docker_client.container_user() if "container" in handle else None
