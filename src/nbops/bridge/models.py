"""Registered models: versions and aliases here against those of MLflow's registry, in both directions.

Bytes that come from elsewhere are looked into, never loaded; a version whose file asks for what nobody trusts stays a
folder of files, and the answer says how to trust it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from nbops.bridge import model_folder, words
from nbops.bridge.carried import FOLDER
from nbops.bridge.inbound import Inbound
from nbops.bridge.outbound import Outbound
from nbops.bridge.server import paged
from nbops.errors import BridgeError, NbopsError
from nbops.records import Model, ModelVersion


class Judged(Protocol):
    """What is known of a model file that was not loaded."""

    @property
    def types(self) -> list[str]:
        """What it may load."""
        ...

    @property
    def unknown(self) -> list[str]:
        """What it asks for besides, which nobody trusts."""
        ...

    @property
    def type_name(self) -> str:
        """Dotted class of the model."""
        ...


Judge = Callable[[bytes, str, Collection[str]], Judged]
"""Looks into a model file: ``judge(data, flavour, paths of the sources beside it)``."""
Portable = Callable[[ModelVersion], tuple[str, bytes]]
"""Gives a version's flavour and bytes as another process can load them, without the notebook they came from."""


@dataclass
class ModelsOut:
    """Registers versions with MLflow.

    Args:
        outbound: the runs they belong to, told before.
        portable: gives a version's bytes.
    """

    outbound: Outbound
    portable: Portable
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    """Model → our version's id → its number in MLflow."""

    def version(self, version: ModelVersion) -> None:
        """Register a version, unless MLflow has it."""
        label, tally = f"{version.model}@{version.number}", self.outbound.tally
        name = _registered_name(version.model)
        known = self._versions(name)
        if version.id in known:
            return
        if version.flavour not in model_folder.FILES:
            tally.leave(label, f"is stored as {version.flavour}, for which MLflow has no flavour")
            return
        try:
            flavour, data = self.portable(version)
            extras = self._extras(version)
        except NbopsError as error:
            tally.leave(label, f"model could not be read: {error.message}")
            return
        info = self._run_info(version)
        path = f"{FOLDER}/models/{name}/{version.number}"
        client = self.outbound.server.client
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as folder:
            told = msgspec.structs.replace(version, flavour=flavour)
            model_folder.write(Path(folder), told, data=data, **extras)
            client.log_artifacts(info.run_id, folder, path)
        self._register(name)
        made = client.create_model_version(
            name, f"{info.artifact_uri}/{path}", info.run_id,
            tags={words.VERSION_ID: version.id, words.VERSION: str(version.number)},
        )  # fmt: skip
        known[version.id] = str(made.version)
        tally.add("models")
        if str(made.version) != str(version.number):
            tally.leave(f"{label} is version {made.version}", "MLflow gives the numbers of versions itself")

    def aliases(self, model: Model) -> None:
        """Point MLflow's aliases of a model where they point here, unless somebody there pointed them elsewhere."""
        name = _registered_name(model.name)
        known = self._versions(name)
        if not model.aliases or not known:
            return
        client, tally, store = self.outbound.server.client, self.outbound.tally, self.outbound.store
        there = dict(client.get_registered_model(name).aliases)
        for alias, number in model.aliases.items():
            found = store.find(ModelVersion, model=model.name, number=number, limit=1)
            wanted = known.get(found[0].id) if found else None
            if wanted is None:
                tally.leave(f"{model.name}@{alias}", "alias points to a version that MLflow has not")
            elif not re.fullmatch(r"(?!latest$)(?!v\d+$)[\w-]+", alias, re.IGNORECASE):
                tally.leave(f"{model.name}@{alias}", "alias has a name that MLflow refuses")
            elif there.get(alias) not in (None, *known.values()):
                tally.leave(
                    f"{model.name}@{alias}", "alias points to somebody else's version in MLflow and stays there"
                )
            elif str(there.get(alias)) != wanted:
                client.set_registered_model_alias(name, alias, wanted)

    def _extras(self, version: ModelVersion) -> dict[str, Any]:
        blobs = self.outbound.blobs
        return {
            "sources": {path: blobs.get(digest) for path, digest in version.sources.items()},
            "profile": blobs.get(version.profile_digest) if version.profile_digest else None,
            "evidence": blobs.get(version.evidence_digest) if version.evidence_digest else None,
        }

    def _run_info(self, version: ModelVersion) -> Any:
        known = self.outbound.counterparts.get(version.run_id or "")
        if known is not None:
            return known
        return self.outbound.make_holder(version.id, f"{version.model}@{version.number}", at=version.created_at)

    def _register(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.outbound.server.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _versions(self, name: str) -> dict[str, str]:
        if name not in self._known:
            self._known[name] = {
                one.tags[words.VERSION_ID]: str(one.version)
                for one in _versions_of(self.outbound.server.client, name)
                if words.VERSION_ID in one.tags
            }
        return self._known[name]


@dataclass
class ModelsIn:
    """Reads MLflow's registry.

    Args:
        inbound: the runs that versions belong to, read before.
        judge: looks into model files.
        only_with_runs: leave out versions whose run was not imported.
    """

    inbound: Inbound
    judge: Judge
    only_with_runs: bool

    def names(self) -> list[str]:
        """Every registered model, by name."""
        client = self.inbound.server.client
        return sorted(one.name for one in paged(client.search_registered_models))

    def model(self, name: str) -> None:
        """Bring the versions and aliases of a registered model here."""
        here: dict[str, ModelVersion] = {}
        client, store = self.inbound.server.client, self.inbound.store
        for there in sorted(_versions_of(client, name), key=lambda one: int(one.version)):
            if self.only_with_runs and there.run_id not in self.inbound.here:
                continue
            version_id = there.tags.get(words.VERSION_ID, "")
            if not words.is_id(version_id):
                version_id = words.id_of(there.creation_timestamp, name, str(there.version), there.source or "")
            found = store.find(ModelVersion, id=version_id, limit=1)
            version = found[0] if found else self._bring(there, version_id)
            if version is not None:
                here[str(there.version)] = version
        if here:
            self._aliases(name, dict(client.get_registered_model(name).aliases), here)

    def _bring(self, there: Any, id: str) -> ModelVersion | None:
        from mlflow.exceptions import MlflowException

        label, inbound = f"{there.name}@{there.version}", self.inbound
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            try:
                folder = self._download(there, name)
                found = model_folder.read(folder)
                judged = self.judge(found.data, found.flavour, list(found.sources))
            except MlflowException as error:
                inbound.tally.leave(label, f"files of the model cannot be had: {str(error).splitlines()[0][:200]}")
                return None
            except NbopsError as error:
                inbound.tally.leave(label, error.message)
                return None
        if judged.unknown:
            listed = " ".join(f"--trust {one}" for one in judged.unknown[:10])
            more = " …" if len(judged.unknown) > 10 else ""
            inbound.tally.leave(
                label, f"model stays a folder of files, because it loads what nobody trusts: {listed}{more}"
            )
            return None
        return self._keep(there, id, found, judged)

    def _download(self, there: Any, folder: str) -> Path:
        """Fetch a version's files without ``models:/…``, which MLflow looks up in whatever store the process uses."""
        from mlflow.artifacts import download_artifacts

        server = self.inbound.server
        source = server.client.get_model_version_download_uri(there.name, str(there.version))
        if source.startswith("models:/"):
            source = server.client.get_logged_model(source.removeprefix("models:/")).artifact_location
        return Path(
            download_artifacts(
                artifact_uri=source, dst_path=folder, tracking_uri=server.uri, registry_uri=server.uri
            )
        )  # fmt: skip

    def _keep(self, there: Any, id: str, found: model_folder.Found, judged: Judged) -> ModelVersion:
        blobs, store, record = self.inbound.blobs, self.inbound.store, found.record
        run_id = self.inbound.here.get(there.run_id or "")
        told: dict[str, Any] = {}
        if record is not None and record.id == id:
            told = {
                "params": record.params, "created_at": record.created_at,
                "dataset_ids": record.dataset_ids, "execution_id": record.execution_id,
                "fit_id": record.fit_id,
            }  # fmt: skip
        version = ModelVersion(
            id=id,
            model=record.model if record is not None else there.name,
            number=0,
            digest=blobs.put(found.data),
            flavour=found.flavour,
            signature=found.signature,
            type_name=judged.type_name,
            run_id=run_id,
            profile_digest=blobs.put(found.profile) if found.profile is not None else None,
            evidence_digest=blobs.put(found.evidence) if found.evidence is not None else None,
            types=judged.types,
            sources={path: blobs.put(text.encode()) for path, text in found.sources.items()},
            requirements=found.requirements,
            python=found.python,
            **({"created_at": there.creation_timestamp / 1000} | told),
        )
        kept = store.add_version(version)
        assert isinstance(kept, ModelVersion)
        self.inbound.tally.add("models")
        wanted = there.tags.get(words.VERSION, str(there.version))
        if str(kept.number) != wanted:
            self.inbound.tally.leave(
                f"{there.name} version {wanted} is {kept.model}@{kept.number}",
                "nbops gives the numbers of versions itself",
            )
        return kept

    def _aliases(self, name: str, there: dict[str, str], here: dict[str, ModelVersion]) -> None:
        store = self.inbound.store
        model = store.find(Model, name=next(iter(here.values())).model, limit=1)[0]
        ours = {version.number for version in here.values()}
        aliases = dict(model.aliases)
        for alias, number in there.items():
            version = here.get(str(number))
            if version is None:
                self.inbound.tally.leave(f"{name}@{alias}", "alias points to a version that was not imported")
            elif aliases.get(alias) not in (None, *ours):
                self.inbound.tally.leave(f"{name}@{alias}", "alias points to a version of this project and stays there")
            else:
                aliases[alias] = version.number
        if aliases != model.aliases:
            store.update(Model, model.id, aliases=aliases)


def _registered_name(model: str) -> str:
    return words.safe_names([model])[model].replace("/", "_").replace(":", "_")


def _versions_of(client: Any, name: str) -> list[Any]:
    if "'" in name:
        raise BridgeError(f"a registered model's name {name!r} holds a quote, which MLflow cannot search for")
    return list(paged(client.search_model_versions, filter_string=f"name='{name}'"))
