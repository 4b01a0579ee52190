"""Notices by e-mail, over SMTP."""

from __future__ import annotations

import email.policy
import email.utils
import ipaddress
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any, Literal

import msgspec

from nbops.errors import NotifyError, SettingsError
from nbops.notify.channels import TIMEOUT_S, understood
from nbops.notify.notice import Notice, as_text, one_line
from nbops.notify.webhook import variable

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class _EmailOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    host: str
    to: list[str]
    sender: str
    """Written ``from``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    port: int | None = None
    user: str | None = None
    password_env: str | None = None
    """The environment variable that holds the password."""


class Email:
    """Sends the notice as plain text to one or more addresses."""

    def __init__(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        said = understood(_EmailOptions, options)
        if not said.to or not all("@" in address for address in [*said.to, said.sender]):
            raise SettingsError("from and to take mail addresses")
        if (said.user is None) != (said.password_env is None):
            raise SettingsError("user and password_env stand together")
        if said.password_env is not None and said.security == "none" and not _is_here(said.host):
            raise SettingsError('security = "none" would send the password in clear text')
        self._said = said
        self._password = None if said.password_env is None else variable(environment, said.password_env)

    def send(self, notice: Notice) -> None:
        """Hand it to the mail server; what that does with it later is out of sight."""
        message = self._message(notice)
        try:
            with self._connected() as server:
                if self._password is not None:
                    server.login(self._said.user or "", self._password)
                refused = server.send_message(message)
        except smtplib.SMTPResponseException as error:
            # Four hundreds are for now, five hundreds for ever.
            code = "notice_unreachable" if 400 <= error.smtp_code < 500 else "notice_refused"
            said = (
                error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode("utf-8", "replace")
            )
            raise NotifyError(f"{self._said.host} answered {error.smtp_code} {one_line(said)}", code=code) from None
        except smtplib.SMTPRecipientsRefused as error:
            passing = any(400 <= code < 500 for code, _ in error.recipients.values())
            raise NotifyError(
                f"{self._said.host} takes no mail for {', '.join(error.recipients)}",
                code="notice_unreachable" if passing else "notice_refused",
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise NotifyError(f"{self._said.host}: {error}", code="notice_refused") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotifyError(f"{self._said.host} cannot be reached: {error}", code="notice_unreachable") from None
        if refused:
            raise NotifyError(f"{self._said.host} takes no mail for {', '.join(refused)}", code="notice_refused")

    def _connected(self) -> smtplib.SMTP:
        said = self._said
        port = said.port or _PORTS[said.security]
        if said.security == "tls":
            return smtplib.SMTP_SSL(said.host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        server = smtplib.SMTP(said.host, port, timeout=TIMEOUT_S)
        if said.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage(policy=email.policy.SMTP)
        message["Subject"] = one_line(f"[nbops] {notice.title}")
        message["From"] = self._said.sender
        message["To"] = ", ".join(self._said.to)
        message["Date"] = email.utils.formatdate(notice.at, localtime=True)
        # Mail that answers itself (holiday notes) should not.
        message["Auto-Submitted"] = "auto-generated"
        message["Message-ID"] = f"<{notice.id}@nbops.invalid>"
        message.set_content(f"{notice.title}\n\n{as_text(notice)}\n")
        return message


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
