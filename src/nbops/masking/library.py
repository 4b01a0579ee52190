"""What the detector library knows besides: the plug-ins of ``detect-secrets``, each asked as it is.

Loading it costs a fifth of a second, so it is asked only about texts that hold something long enough to be a token.
Its keyword and entropy plug-ins are left out: they take every third notebook for a vault.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from nbops.masking.formats import Found

_PLUGINS = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"), ("azure_storage_key", "AzureStorageKeyDetector"),
    ("cloudant", "CloudantDetector"), ("discord", "DiscordBotTokenDetector"), ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"), ("ibm_cloud_iam", "IbmCloudIamDetector"), ("npm", "NpmDetector"),
    ("ibm_cos_hmac", "IbmCosHmacDetector"), ("jwt", "JwtTokenDetector"), ("mailchimp", "MailchimpDetector"),
    ("openai", "OpenAIDetector"), ("pypi_token", "PypiTokenDetector"), ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"), ("softlayer", "SoftlayerDetector"), ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"), ("telegram_token", "TelegramBotTokenDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
_WORTH_ASKING = re.compile(r"[A-Za-z0-9_\-+/=]{20,}")
_PLAIN = re.compile(r"[0-9a-f\-]+|[0-9\-:.T/+]+")  # hashes, UUIDs and dates
_LONGEST_LINE = 4_000


def by_library(text: str) -> Iterator[Found]:
    """Find what the library's plug-ins take for a secret, line by line as they read.

    Args:
        text: looked at only where it holds twenty characters of a token's alphabet in a row.
    """
    start = 0
    for line in text.splitlines(keepends=True):
        match = _WORTH_ASKING.search(line)
        if match is not None and len(line) <= _LONGEST_LINE and any(map(_mixes, _WORTH_ASKING.findall(line))):
            for plugin in _plugins():
                for value in plugin.analyze_string(line):
                    if isinstance(value, str) and len(value) >= 16 and (at := line.find(value)) >= 0:
                        end = at + len(value)
                        # The plug-ins look for their forms inside of longer texts as well, such as pictures.
                        if not line[:at][-1:].isalnum() and not line[end : end + 1].isalnum():
                            yield Found(start + at, start + end, plugin.secret_type.lower())
        start += len(line)


def _mixes(text: str) -> bool:
    return _PLAIN.fullmatch(text) is None and any(map(str.isdigit, text)) and any(map(str.isalpha, text))


@cache
def _plugins() -> list[Any]:
    found = []
    for module, name in _PLUGINS:
        found.append(getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)())
    return found
