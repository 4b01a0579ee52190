"""Secrets that are known by their form alone: the tokens, keys and addresses that services hand out.

Each form begins with something that rules nearly all other text out, so that looking for all of them together costs
about as much as looking for one. The detector library (``nbops.masking.library``) is asked besides, where a text has
something that could be one of those it knows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import msgspec

from nbops.masking.words import entropy, is_blank, looks_random, stands_in

_FORMS: tuple[tuple[str, str], ...] = (
    ("JSON web token", r"eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-=+/]*){1,4}"),
    ("AWS access key", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("AWS Bedrock key", r"ABSK[A-Za-z0-9+/]{60,}={0,2}"),
    ("GitHub token", r"gh[pousr]_[A-Za-z0-9_]{30,255}|github_pat_[A-Za-z0-9_]{20,255}"),
    ("GitLab token", r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas|rtr|ffct|wt)-[A-Za-z0-9_\-.]{18,}|GR1348941[A-Za-z0-9_\-]{20}"),
    ("Slack token", r"xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-\d-[A-Za-z0-9\-]{10,}|xoxe\.xox[bp]-[A-Za-z0-9\-]{10,}"),
    ("Slack webhook", r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/+\-]{16,}"),
    ("Discord webhook", r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w\-]{20,}"),
    ("Teams webhook", r"https://[\w\-]+\.webhook\.office\.com/webhookb2/[\w@\-/]{20,}"),
    ("Zapier webhook", r"https://hooks\.zapier\.com/hooks/catch/\d+/[\w\-/]{5,}"),
    ("Discord token", r"(?:mfa\.[\w\-]{60,}|[MNO][A-Za-z\d_\-]{22,27}\.[A-Za-z\d_\-]{6}\.[A-Za-z\d_\-]{27,})"),
    ("Stripe key", r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,}"),
    ("OpenAI key", r"sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_\-]{20,}"),
    ("Google key", r"AIza[A-Za-z0-9_\-]{35}(?![A-Za-z0-9_\-])"),
    ("Google OAuth secret", r"GOCSPX-[A-Za-z0-9_\-]{20,}"),
    ("Google OAuth token", r"ya29\.[A-Za-z0-9_\-.]{20,}|1//0[A-Za-z0-9_\-]{30,}"),
    ("Hugging Face token", r"(?:hf|api_org)_[A-Za-z]{30,}(?![A-Za-z0-9])|hf_[A-Za-z0-9]{30,}"),
    ("SendGrid key", r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}"),
    ("Twilio key", r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("Mailchimp key", r"[0-9a-f]{32}-us\d{1,2}(?![0-9])"),
    ("Mailgun key", r"(?:key|pubkey)-[0-9a-z]{32}(?![A-Za-z0-9])"),
    ("npm token", r"npm_[A-Za-z0-9]{30,}"),
    ("PyPI token", r"pypi-[A-Za-z0-9_\-]{40,}"),
    ("RubyGems key", r"rubygems_[0-9a-f]{40,}"),
    ("Docker token", r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}"),
    ("Databricks token", r"dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])|dkea[0-9a-f]{32}|dose[0-9a-f]{32}"),
    ("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{40,}"),
    ("Shopify token", r"shp(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32}"),
    ("Vault token", r"hv[sbr]\.[A-Za-z0-9_\-]{20,}|s\.[A-Za-z0-9]{24}(?![A-Za-z0-9.(])"),
    ("Terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{40,}"),
    ("Grafana token", r"glsa_[A-Za-z0-9]{20,}_[0-9a-f]{8}|glc_[A-Za-z0-9+/=]{30,}"),
    ("New Relic key", r"NR(?:AK|JS|II|RA|AA)-[A-Za-z0-9_\-]{19,}|(?:eu|us)\d{2}xx[0-9A-Za-z]{30,}NRAL"),
    ("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_\-]{30,}"),
    ("Notion token", r"(?:ntn|secret)_[A-Za-z0-9]{40,}"),
    ("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    ("Atlassian token", r"ATATT3[A-Za-z0-9_\-=]{50,}|ATCTT3[A-Za-z0-9_\-=]{50,}|ATBB[A-Za-z0-9_\-=]{20,}"),
    ("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("Figma token", r"fig[dour]_[A-Za-z0-9_\-]{30,}"),
    ("Airtable token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("Square token", r"sq0[a-z]{3}-[A-Za-z0-9_\-]{22,43}|EAAA[A-Za-z0-9_\-]{60}(?![A-Za-z0-9])"),
    ("Facebook token", r"EAA[A-Z][A-Za-z0-9]{60,}"),
    ("Telegram bot token", r"\d{8,10}:AA[A-Za-z0-9_\-]{32,34}(?![A-Za-z0-9_\-])|\d{8,10}:[A-Za-z0-9_\-]{35}(?![A-Za-z0-9_\-])"),
    ("Mapbox token", r"[ps]k\.eyJ[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{20,}"),
    ("Supabase key", r"sb[ps]?_(?:secret_|publishable_)?[A-Za-z0-9_]{28,}"),
    ("PlanetScale token", r"pscale_(?:tkn|pw|oauth|otkn)_[A-Za-z0-9_\-.=]{30,}"),
    ("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[A-Za-z0-9_\-]+\.)?[A-Za-z0-9]{40,}"),
    ("Dropbox token", r"sl\.[A-Za-z0-9_\-]{60,}"),
    ("age secret key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    ("Azure client secret", r"[A-Za-z0-9_\-~.]{3}\dQ~[A-Za-z0-9_\-~.]{31,34}"),
    ("Alibaba key", r"LTAI[A-Za-z0-9]{12,26}(?![A-Za-z0-9])"),
    ("Tencent key", r"AKID[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    ("Yandex key", r"AQVN[A-Za-z0-9_\-]{35,38}(?![A-Za-z0-9_\-])|YC[a-zA-Z0-9_\-]{38}(?![A-Za-z0-9_\-])"),
    ("Artifactory key", r"AKC[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,}"),
    ("Heroku key", r"HRKU-[A-Za-z0-9_\-]{30,}"),
    ("Pulumi token", r"pul-[0-9a-f]{40}"),
    ("LangSmith key", r"ls(?:v2_(?:pt|sk)_|__)[0-9a-f]{32}(?:_[0-9a-f]{10})?"),
    ("Plaid token", r"(?:access|public|link)-(?:sandbox|development|production)-[0-9a-f\-]{36}"),
    ("EasyPost key", r"EZ[AT]K[A-Za-z0-9]{50,}"),
    ("Typeform token", r"tfp_[A-Za-z0-9_\-.=]{40,}"),
    ("Azure key", r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[A-Za-z0-9+/=%]{30,}"),
    ("Azure storage key", r"(?<![A-Za-z0-9+/=.\-_])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"),
    ("AWS secret key", r"(?<![A-Za-z0-9+/=.\-_])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=.\-_])"),
    ("service key", r"(?<![\w\-+=])[A-Za-z][A-Za-z0-9]{1,15}(?:[_\-][A-Za-z][A-Za-z0-9]{1,11}){0,3}[_\-][A-Za-z0-9]{20,}(?![A-Za-z0-9_\-/])"),
)  # fmt: skip
# These are told from other text only by how random they look.
_JUDGED = frozenset(
    {
        "AWS secret key",
        "Azure storage key",
        "service key",
        "OpenAI key",
        "Discord token",
        "Vault token",
        "Yandex key",
        "Supabase key",
        "npm token",
        "Artifactory key",
    }
)
_ALTERNATION = re.compile(
    r"(?<![A-Za-z0-9])(?:" + "|".join(f"(?P<f{i}>{form})" for i, (_, form) in enumerate(_FORMS)) + ")"
)


class Found(msgspec.Struct, frozen=True):
    """A secret in a text."""

    start: int
    end: int
    kind: str
    """What it is, in words: ``GitHub token``."""


def by_form(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[Found]:
    """Find secrets that their form gives away.

    Example:
        >>> [found.kind for found in by_form("key = " + "AKIA" + "QW3RTY7UIOP2ASDF")]
        ['AWS access key']
    """
    for match in _ALTERNATION.finditer(text, start, end):
        group = match.lastgroup
        assert group is not None
        kind = _FORMS[int(group[1:])][0]
        if _is_one(kind, match.group(group)):
            yield Found(match.start(), match.end(), kind)


_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|PuTTY-User-Key-File-\d:(?s:.*?)(?:Private-MAC: *[0-9a-f]+|\Z)"
)


def private_keys(text: str) -> Iterator[Found]:
    """Find private keys from their first line to their last, or to where the text was cut."""
    for match in _PRIVATE_KEY.finditer(text):
        # The bare markers, as code that looks for keys has them, hold none.
        if len(match.group()) > 100:
            yield Found(match.start(), match.end(), "private key")


def _is_one(kind: str, value: str) -> bool:
    if kind == "JSON web token":
        return "." in value and (value.count(".") > 1 or len(value) > 40)
    if kind not in _JUDGED:
        return not is_blank(value)
    tail = value.replace("-", "_").rpartition("_")[2] if kind == "service key" else value
    if kind == "OpenAI key":
        tail = value[3:]
        return looks_random(tail, 20) or (
            len(tail) >= 20 and tail.isalnum() and any(map(str.isdigit, tail)) and entropy(tail) > 3
        )
    if kind == "npm token":
        return entropy(value[4:]) > 3.5 and any(map(str.isdigit, value))
    if kind in ("Supabase key", "Artifactory key"):
        return entropy(value) > 3.2 and any(map(str.isdigit, value))
    return looks_random(tail, 20)


_USERINFO = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*://([^\s/:@'\"<>{}$%]*):([^\s/'\"<>{}@]*(?:@[^\s/'\"<>{}@]*)*?)@(?=[\w\[.\-%\x00])"
)
_TOKEN_USER = re.compile(r"https?://([^\s/:@'\"<>{}$]{16,})@(?=[\w.\-\x00])")


def in_addresses(text: str) -> Iterator[Found]:
    """Find passwords in addresses, ``scheme://user:password@host``.

    Example:
        >>> text = "postgresql://ada:" + "l0velace" + "@db/team"
        >>> [text[found.start : found.end] for found in in_addresses(text)]
        ['l0velace']
    """
    for match in _USERINFO.finditer(text):
        value = match.group(2)
        if value and not stands_in(value) and not value.isdecimal():
            yield Found(match.start(2), match.end(2), "password in an address")
    for match in _TOKEN_USER.finditer(text):
        if not stands_in(match.group(1)):
            yield Found(match.start(1), match.end(1), "token in an address")
