"""API keys and certificates of endpoints: asked for on every engine, behind HAProxy and without, and exchanged live."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nbops.deploy import Access, access, client, docker_client, predict, renew, rollout
from nbops.errors import ConflictError, DeployError, NotFoundError, UsageError
from nbops.records import Endpoint
from nbops.views import to_text, view_of
from nbops.workspace import Workspace
from nbops_serving import keys as api_keys

both_engines = pytest.mark.parametrize(
    "engine",
    [
        pytest.param("process", marks=pytest.mark.haproxy),
        pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.haproxy]),
    ],
)

ROW = [{"x": 5.0}]


class KeyFile:
    """A file of API keys, and the keys themselves."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.txt"
        self.keys: dict[str, str] = {}

    def add(self, name: str) -> str:
        self.keys[name], line = api_keys.make(name)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return self.keys[name]

    def replace(self, name: str) -> str:
        """As an editor does: another file takes the name."""
        self.keys[name], line = api_keys.make(name)
        aside = self.path.with_suffix(".new")
        aside.write_text(f"# rotated\n{line}\n", "utf-8")
        aside.replace(self.path)
        return self.keys[name]


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path)


def certificate(folder: Path, name: str) -> Access:
    """Make a certificate of 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_path.chmod(0o600)
    return Access(tls_cert=str(cert_path), tls_key=str(key_path))


def status(endpoint: Endpoint, key: str | None) -> int:
    """What a client of its own hears, who knows no more than the address and perhaps a key."""
    asked = client.Server(endpoint.address, key)
    return client._exchange(asked, "POST", "/predict", json.dumps({"rows": ROW}).encode(), timeout_s=10)[0]


def wait_status(endpoint: Endpoint, key: str, wanted: int) -> None:
    """Servers look for other keys once a second."""
    deadline = time.monotonic() + 15
    while status(endpoint, key) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@both_engines
def test_only_who_has_a_key_is_answered_before_and_after_a_redeploy_and_a_rollback(
    workshop: Any, key_file: KeyFile
) -> None:
    key = key_file.add("shop")
    endpoint = workshop.deploy(1, access=Access(keys=str(key_file.path)))
    for change in (lambda: endpoint, lambda: workshop.deploy(2), workshop.rollback):
        answering = change()
        assert [status(answering, sent) for sent in (None, "wrong", key)] == [401, 401, 200]
    assert predict(workshop.endpoint(), ROW, key=key)["predictions"] == [5.0]
    assert workshop.statuses() == ["1 ready", "2 ready"]


@both_engines
def test_keys_are_exchanged_while_the_endpoint_answers(workshop: Any, key_file: KeyFile) -> None:
    former = key_file.add("shop")
    endpoint = workshop.deploy(1, access=Access(keys=str(key_file.path)))
    handle = workshop.deployment(1).handle
    newer = key_file.replace("shop")
    admitted = renew("tiny", access=Access(), store=workshop.store, settings=workshop.settings)
    assert admitted.keys == ["shop"]
    wait_status(endpoint, former, 401)
    assert status(endpoint, newer) == 200
    assert workshop.deployment(1).handle == handle


@pytest.mark.haproxy
def test_a_version_that_is_kept_takes_the_newer_keys_along(workshop: Any, key_file: KeyFile, tmp_path: Path) -> None:
    former = key_file.add("shop")
    workshop.deploy(1, access=Access(keys=str(key_file.path)))
    newer = key_file.replace("shop")
    workshop.deploy(2)
    endpoint = workshop.rollback()
    assert [status(endpoint, key) for key in (former, newer)] == [401, 200]


@pytest.mark.haproxy
def test_a_rollback_never_opens_an_endpoint_that_asks_for_keys(workshop: Any, key_file: KeyFile) -> None:
    workshop.deploy(1)
    key = key_file.add("shop")
    workshop.deploy(2, access=Access(keys=str(key_file.path)))
    endpoint = workshop.rollback()
    assert [status(endpoint, sent) for sent in (None, key)] == [401, 200]
    assert predict(endpoint, ROW, key=key)["model"] == "tiny@1"


@pytest.mark.haproxy
def test_a_rollout_that_fails_leaves_the_live_ones_keys(workshop: Any, key_file: KeyFile, tmp_path: Path) -> None:
    key = key_file.add("shop")
    endpoint = workshop.deploy(1, access=Access(keys=str(key_file.path)))
    other = KeyFile(tmp_path / "project")
    other.add("stranger")
    with pytest.raises(DeployError, match="ended before it was ready"):
        workshop.deploy(2, body="raise RuntimeError('no')", access=Access(keys=str(other.path)))
    assert [status(endpoint, sent) for sent in (key, other.keys["stranger"])] == [200, 401]


@pytest.mark.haproxy
def test_keys_are_taken_away_by_a_deploy_alone(workshop: Any, key_file: KeyFile) -> None:
    key_file.add("shop")
    workshop.deploy(1, access=Access(keys=str(key_file.path)))
    with pytest.raises(ConflictError, match="was deployed with API keys, and only a deploy changes that"):
        renew("tiny", access=Access(keys="none"), store=workshop.store, settings=workshop.settings)
    assert status(workshop.deploy(2, access=Access(keys="none")), None) == 200


@pytest.mark.haproxy
def test_a_stopped_endpoint_asks_for_keys_when_it_is_deployed_again(workshop: Any, key_file: KeyFile) -> None:
    key = key_file.add("shop")
    workshop.deploy(1, access=Access(keys=str(key_file.path)))
    workshop.stop()
    assert not list(workshop.settings.folder.glob("endpoints/**/keys"))
    again = workshop.deploy(2)
    assert [status(again, sent) for sent in (None, key)] == [401, 200]


@both_engines
def test_https_is_spoken_with_the_certificate_that_was_named_and_with_its_successor(
    workshop: Any, tmp_path: Path
) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    endpoint = workshop.deploy(1, access=first)
    assert endpoint.address.startswith("https://127.0.0.1:")
    assert predict(endpoint, ROW)["predictions"] == [5.0]
    assert shown(endpoint) == Path(str(first.tls_cert)).read_text("utf-8")
    renewed = renew("tiny", access=second, store=workshop.store, settings=workshop.settings).endpoint
    assert shown(renewed) == Path(str(second.tls_cert)).read_text("utf-8")
    again = workshop.deploy(2)
    assert predict(again, ROW)["predictions"] == [10.0]
    assert shown(again) == Path(str(second.tls_cert)).read_text("utf-8")


def shown(endpoint: Endpoint) -> str:
    """The certificate that a client sees."""
    host, _, port = endpoint.address.removeprefix("https://").partition(":")
    return ssl.get_server_certificate((host, int(port)))


@pytest.mark.parametrize("engine", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_without_haproxy_the_server_itself_speaks_https_and_asks_for_keys(
    workshop: Any, key_file: KeyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout._Rollout, "_edge", lambda *_: None)
    named = certificate(tmp_path, "own")
    key = key_file.add("shop")
    endpoint = workshop.deploy(
        1, access=Access(keys=str(key_file.path), tls_cert=named.tls_cert, tls_key=named.tls_key)
    )
    assert predict(endpoint, ROW, key=key)["predictions"] == [5.0]
    with pytest.raises(UsageError, match="answers those who have an API key, and none was sent"):
        predict(endpoint, ROW)
    if workshop.engine == "docker":
        with docker_client.connected() as docker:
            container = docker.containers.get(workshop.deployment(1).handle["container"])
            check = container.image.attrs["Config"]["Healthcheck"]["Test"]
            assert container.exec_run(check[1:]) == (0, b"")


@pytest.mark.haproxy
def test_an_address_does_not_change_its_scheme(workshop: Any, tmp_path: Path) -> None:
    workshop.deploy(1)
    with pytest.raises(ConflictError, match="would have to change to https") as caught:
        workshop.deploy(2, access=certificate(tmp_path, "late"))
    assert caught.value.hint == "nbops stop tiny, then deploy it again with --tls-cert FILE --tls-key FILE"
    assert workshop.statuses() == ["1 ready"]


@pytest.mark.haproxy
def test_a_certificate_that_is_not_the_endpoints_own_is_not_believed(workshop: Any, tmp_path: Path) -> None:
    endpoint = workshop.deploy(1, access=certificate(tmp_path, "own"))
    pinned = Path(str(endpoint.handle["certificate"]))
    pinned.write_text(Path(str(certificate(tmp_path, "other").tls_cert)).read_text("utf-8"), "utf-8")
    with pytest.raises(DeployError, match="a certificate that is not trusted here"):
        predict(endpoint, ROW)


@pytest.mark.docker
@pytest.mark.docker_files
@pytest.mark.parametrize("engine", ["docker"])
def test_no_key_and_no_private_key_is_in_store_image_environment_or_log(
    workshop: Any, key_file: KeyFile, tmp_path: Path
) -> None:
    named = certificate(tmp_path, "own")
    key = key_file.add("shop")
    endpoint = workshop.deploy(
        1, access=Access(keys=str(key_file.path), tls_cert=named.tls_cert, tls_key=named.tls_key)
    )
    predict(endpoint, ROW, key=key)
    secrets = [key, *Path(str(named.tls_key)).read_text("utf-8").splitlines()[1:-1]]
    with docker_client.connected() as docker:
        server = docker.containers.get(workshop.deployment(1).handle["container"])
        edge = docker.containers.get(endpoint.handle["container"])
        said = [server.attrs, edge.attrs, server.image.attrs, docker.api.history(server.image.id)]
        written = json.dumps(said).encode() + server.logs() + edge.logs() + b"".join(server.image.save())
    workshop.stop()
    kept = b"".join(path.read_bytes() for path in workshop.settings.folder.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in written + kept]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop not-a-digest\n", "in line 1, a line is NAME SHA256"),
        ("# nobody\n", "has no API key, so nobody could ask"),
        (None, "cannot be read from .*: No such file or directory"),
    ],
    ids=["another file", "no key", "no file"],
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "keys.txt"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=said) as caught:
        Access(keys=str(path)).check()
    assert caught.value.hint is not None
    assert "not-a-digest" not in str(caught.value)


def test_certificates_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    one, other = certificate(tmp_path, "one"), certificate(tmp_path, "other")
    with pytest.raises(UsageError, match=r"its unencrypted private key .key values mismatch"):
        Access(tls_cert=one.tls_cert, tls_key=other.tls_key).check()
    with pytest.raises(UsageError, match="no certificate with its unencrypted private key"):
        Access(tls_cert=one.tls_cert).check()
    with pytest.raises(UsageError, match="a private key needs its certificate"):
        Access(tls_key=one.tls_key).check()


def test_files_of_an_endpoint_are_for_its_servers_alone(tmp_path: Path) -> None:
    access.lay(tmp_path, "keys", "shop 00\n", owner=None)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    access.lay(tmp_path, "keys", "", owner=None)
    assert not list(tmp_path.iterdir())


@pytest.mark.haproxy
def test_a_key_is_named_by_its_variable_and_never_written_in_a_command(
    workshop: Any, key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_file.add("shop")
    workshop.deploy(1, access=Access(keys=str(key_file.path)))
    with Workspace.opened(Path(workshop.settings.root)) as workspace:
        with pytest.raises(NotFoundError, match="there is none of the name that was given") as caught:
            workspace.predict("tiny", json.dumps(ROW), key=key)
        assert key not in caught.value.message
        monkeypatch.setenv("SHOP_KEY", key)
        assert workspace.predict("tiny", json.dumps(ROW), key="SHOP_KEY").predictions == [5.0]
        monkeypatch.setenv("NBOPS_API_KEY", key)
        assert workspace.predict("tiny", json.dumps(ROW)).predictions == [5.0]
        assert "shop" in to_text(view_of(workspace.access("tiny")))
