"""Exchanging an endpoint's API keys and certificate while it answers: no server and no edge is started again."""

from __future__ import annotations

import time

import msgspec

from nbops.deploy import naming
from nbops.deploy.access import Access, key_names
from nbops.deploy.admission import Admission, has_keys, pass_on
from nbops.deploy.recorded import live_here
from nbops.deploy.rollout import edge_of
from nbops.errors import ConflictError
from nbops.progress import stage
from nbops.records import Admitted, Deployment
from nbops.settings import Settings
from nbops.store.interface import Store


def renew(name: str, *, access: Access, store: Store, settings: Settings) -> Admitted:
    """Take an endpoint's API keys and certificate anew from their files.

    Args:
        name: of the endpoint.
        access: other files; those that it was deployed with where not given.
        store: where it is recorded.
        settings: of the project.

    Returns:
        Who may ask it now. Servers notice within a second or two.

    Raises:
        NotFoundError: no endpoint of this name is live.
        ConflictError: it was deployed without keys, or without a certificate, and gets its first by a deploy alone.
        UsageError: a file is not there or cannot be used.
    """
    folder = settings.folder / "endpoints" / naming.checked(name)
    with naming.changing(folder, name), stage(f"Exchange the access to {name}") as now:
        live = live_here(store, name)
        admission = Admission(folder, access.placed().over(Access.of(live.handle)))
        admission.refuse_other_scheme(live)
        running = [store.get(Deployment, key) for key in live.split]
        answering = [deployment for deployment in running if live.split[deployment.id]]
        if any(has_keys(deployment.handle) != bool(admission.keys) for deployment in answering):
            what = "without API keys" if admission.keys else "with API keys"
            raise ConflictError(
                f"endpoint {name} was deployed {what}, and only a deploy changes that",
                code="keys_fixed",
                hint=f"nbops deploy MODEL --name {name} --keys {admission.access.keys or 'none'}",
            )
        edge = edge_of(live, folder, settings)
        if edge is None and admission.certificate:
            raise ConflictError(
                f"endpoint {name} has no HAProxy before it, and its server reads its certificate only as it starts",
                code="no_edge",
                hint=f"nbops stop {name}, then deploy it again",
            )
        for deployment in running:
            pass_on(admission.keys, deployment.handle)
        if edge is not None and admission.certificate:
            now.say("exchange the certificate")
            admission.give_edge(edge, live.handle)
        renewed = msgspec.structs.replace(live, handle=admission.noted(live.handle), updated_at=time.time())
        store.put(renewed)
        return Admitted(endpoint=renewed, keys=key_names(admission.keys), certificate=admission.access.tls_cert)
