"""Endpoints: deployment, requests, monitoring."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.records import (
    Admitted,
    Deployment,
    Endpoint,
    ModuleVersion,
    Window,
)
from nbops.workspace.opened import Opened


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint answered."""

    predictions: list[Any]
    model: str
    request_id: str
    probabilities: list[Any] | None = None
    warnings: list[Any] | None = None


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back: one of the two."""

    endpoint: Endpoint | None = None
    module: ModuleVersion | None = None


class Endpoints(Opened):
    """Endpoints: deployment, requests, monitoring."""

    def deploy(
        self,
        model: str | None = None,
        name: str | None = None,
        engine: str | None = None,
        sample: str | None = None,
        base_image: str | None = None,
        platform: str | None = None,
        save: str | None = None,
        push: str | None = None,
        isolated: bool = False,
        port: int | None = None,
        keys: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
    ) -> Endpoint:
        """Put a model behind a stable address, checked before it takes any traffic."""
        from nbops.deploy.access import Access
        from nbops.deploy.making import Making
        from nbops.flows.deploy import deploy_model

        if model is None:
            raise UsageError("deploy takes a model", hint="nbops models  # then: nbops deploy churn@3 --name churn")
        live = self.live.namespace if self.live is not None else {}
        if sample is not None and sample not in live:
            raise NotFoundError(f"no variable {sample!r} in this notebook", hint="%who")
        return deploy_model(
            live.get(model, model),
            name=name,
            sample=live[sample] if sample is not None else None,
            engine=engine,
            port=port,
            making=Making(base_image=base_image, platform=platform, save=save, push=push, isolated=isolated),
            access=Access(keys=keys, tls_cert=tls_cert, tls_key=tls_key),
            store=self.store,
            blobs=self.blobs,
            settings=self.settings,
            run_id=self.live.run_id if self.live else None,
            execution_id=self.live.execution_id if self.live else None,
        )

    def endpoints(self) -> list[Endpoint]:
        """List endpoints with what runs behind them."""
        from nbops.deploy import endpoints

        return endpoints(self.store, self.settings)

    def deployments(self, endpoint: str | None = None, limit: int | None = 50, offset: int = 0) -> list[Deployment]:
        """List what runs or ran behind an endpoint, newest first."""
        named = {} if endpoint is None else {"endpoint": self.store.resolve(Endpoint, endpoint).name}
        return self.store.find(Deployment, limit=limit, offset=offset, **named)

    def access(
        self, endpoint: str, keys: str | None = None, tls_cert: str | None = None, tls_key: str | None = None
    ) -> Admitted:
        """Take an endpoint's API keys and certificate anew from their files, while it goes on answering."""
        from nbops.deploy import Access, renew

        return renew(
            self.store.resolve(Endpoint, endpoint).name,
            access=Access(keys=keys, tls_cert=tls_cert, tls_key=tls_key),
            store=self.store,
            settings=self.settings,
        )

    def predict(self, endpoint: str, rows: str | None = None, key: str | None = None) -> Prediction:
        """Ask an endpoint; without rows, with its own example."""
        from nbops.deploy import predict

        live = self.live.namespace if self.live is not None else {}
        given = live[rows] if rows is not None and rows in live else rows
        known = self.store.resolve(Endpoint, endpoint)
        return msgspec.convert(predict(known, given, key=None if key is None else self._key(key)), Prediction)

    def _key(self, variable: str) -> str:
        """The API key in a variable: a key that stood in a command would be in its history, too."""
        live = self.live.namespace if self.live is not None else {}
        value = live.get(variable, os.environ.get(variable))
        if not isinstance(value, str) or not value:
            raise NotFoundError(
                "--key names the variable that has the API key, and there is none of the name that was given",
                hint="export SHOP_KEY=…  # then: nbops predict NAME --key SHOP_KEY",
            )
        return value

    def rollback(self, name: str, overwrite: bool = False) -> RolledBack:
        """Go back to what answered before the last deploy, or to an earlier version of a module."""
        from nbops.deploy import rollback as swap_back
        from nbops.extract import rollback as write_back

        if self.store.count(ModuleVersion, module=name.partition("@")[0]):
            return RolledBack(module=write_back(self.store, self.root, name, overwrite=overwrite))
        endpoint = self.store.resolve(Endpoint, name)
        return RolledBack(endpoint=swap_back(endpoint.name, store=self.store, settings=self.settings))

    def logs(self, endpoint: str, lines: int = 100) -> str:
        """Show the newest lines an endpoint's server wrote."""
        from nbops.deploy import logs

        # By name rather than by record: a first deploy that failed has a log and no endpoint.
        return "\n".join(logs(endpoint, tail=lines, store=self.store, settings=self.settings))

    def stop(self, endpoint: str) -> Endpoint:
        """Stop an endpoint and everything behind it; its records and logs stay."""
        from nbops.deploy import stop

        return stop(self.store.resolve(Endpoint, endpoint).name, store=self.store, settings=self.settings)

    def monitor(self, endpoint: str | None = None, hours: float | None = None, scored: str | None = None) -> Window:
        """Measure drift, latency and errors of an endpoint's requests, or of a scored file, against training."""
        import time

        from nbops.flows.watch import watch, watch_scored

        if (endpoint is None) == (scored is None) or (scored is not None and hours is not None):
            raise UsageError(
                "monitor takes an endpoint, or --scored FILE; --hours belongs to an endpoint",
                hint="nbops monitor churn",
            )
        if scored is not None:
            return watch_scored(scored, store=self.store, blobs=self.blobs)
        assert endpoint is not None
        since = None if hours is None else time.time() - hours * 3600
        return watch(self.store.resolve(Endpoint, endpoint), store=self.store, blobs=self.blobs, since=since)
