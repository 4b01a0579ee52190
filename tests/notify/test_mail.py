from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from email import message_from_string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import AuthResult

from nbops.errors import NotifyError, SettingsError
from nbops.notify import Notice
from nbops.notify.mail import Email

PLAIN = {"host": "127.0.0.1", "from": "nbops@example.org", "to": ["ada@example.org"], "security": "none"}


def test_a_mail_says_what_ended_and_where_to_look(serve_mail: Callable[..., Any], notice: Notice) -> None:
    box, port = serve_mail()
    Email({**PLAIN, "port": port}, {}).send(notice)
    mail = message_from_string(box.text())
    assert (mail["Subject"], mail["To"]) == ("[nbops] train has failed", "ada@example.org")
    body = mail.get_payload()
    for said in (notice.text, "accuracy: 0.91", notice.link, notice.command):
        assert said in body


def test_a_line_break_in_a_name_adds_no_header(serve_mail: Callable[..., Any], notice: Notice) -> None:
    box, port = serve_mail()
    hostile = msgspec.structs.replace(notice, title="train\r\nBcc: eve@example.org\r\n\r\nhas failed")
    Email({**PLAIN, "port": port}, {}).send(hostile)
    assert message_from_string(box.text())["Bcc"] is None
    assert box.envelopes[0].rcpt_tos == ["ada@example.org"]


@pytest.mark.parametrize(
    ("answer", "code"), [("451 later", "notice_unreachable"), ("550 never heard of", "notice_refused")]
)
def test_a_refused_address_is_told(serve_mail: Callable[..., Any], notice: Notice, answer: str, code: str) -> None:
    box, port = serve_mail()
    box.refuses.append(answer)
    with pytest.raises(NotifyError, match=r"ada@example\.org") as caught:
        Email({**PLAIN, "port": port}, {}).send(notice)
    assert caught.value.code == code


def test_a_password_goes_over_a_checked_connection(
    serve_mail: Callable[..., Any], notice: Notice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a_certificate(tmp_path))
    seen = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    _, port = serve_mail(tls_context=context, authenticator=check, auth_required=True)
    options = {**PLAIN, "port": port, "security": "starttls", "user": "ada", "password_env": "PW"}
    with pytest.raises(NotifyError, match="certificate"):
        Email(options, {"PW": "s3cret"}).send(notice)
    assert seen == []

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    Email(options, {"PW": "s3cret"}).send(notice)
    assert seen == [(b"ada", b"s3cret")]


@pytest.mark.parametrize(
    "options",
    [
        {"host": "mail.example.org", "user": "ada", "password_env": "PW"},
        {"to": []},
        {"from": "nobody"},
        {"user": "ada"},
    ],
    ids=["clear text", "nobody", "no address", "no password"],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Email({**PLAIN, **options}, {"PW": "x"})


def a_certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "cert.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
