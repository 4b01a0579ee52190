"""Made-up secrets of many kinds, put together when a test runs, so that none stands in the repository.

Each kind follows the published form of its service; the letters are drawn from a seeded generator.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from pathlib import Path

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"


class Maker:
    """Draws secrets; the same seed gives the same ones.

    Args:
        seed: of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, letters: str, length: int) -> str:
        """A text of so many letters, with a digit, a capital and a small letter where the alphabet has them."""
        while True:
            text = "".join(self._random.choices(letters, k=length))
            wanted = [kind for kind in (LOWER, UPPER, DIGITS) if set(kind) <= set(letters)]
            if length < 12 or all(any(c in kind for c in text) for kind in wanted):
                return text

    def password(self) -> str:
        """What a person might choose."""
        word = self._random.choice(["Winter", "dragon", "Kaffee", "letmein", "sunny", "Tr0ub4dor", "zebra", "Montag"])
        return word + self.of(DIGITS, 3) + self._random.choice("!?#%&*+")

    def uuid(self) -> str:
        """A random UUID."""
        return "-".join(self.of(HEX, length) for length in (8, 4, 4, 4, 12))

    def jwt(self) -> str:
        """A signed token of three parts."""
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.of(DIGITS, 10), "iat": 1516239022})
        coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*coded, self.of(URLSAFE, 43)])

    def private_key(self) -> str:
        """A key in PEM, of the right form and no meaning."""
        body = "\n".join(self.of(BASE64, 64) for _ in range(6))
        kind = self._random.choice(["RSA ", "EC ", "", "OPENSSH "])
        return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


FORMS: dict[str, Callable[[Maker], str]] = {
    "AWS access key": lambda m: "AK" + "IA" + m.of(UPPER + "234567", 16),
    "AWS secret key": lambda m: m.of(BASE64, 40),
    "GitHub token": lambda m: "gh" + "p_" + m.of(ALNUM, 36),
    "GitHub fine-grained token": lambda m: "github" + "_pat_" + m.of(ALNUM, 22) + "_" + m.of(ALNUM, 59),
    "GitLab token": lambda m: "gl" + "pat-" + m.of(URLSAFE, 20),
    "Slack token": lambda m: "xo" + "xb-" + m.of(DIGITS, 12) + "-" + m.of(DIGITS, 12) + "-" + m.of(ALNUM, 24),
    "Slack webhook": lambda m: (
        "https://hooks."
        "slack.com/services/T" + m.of(UPPER + DIGITS, 8) + "/B" + m.of(UPPER + DIGITS, 8) + "/" + m.of(ALNUM, 24)
    ),
    "Stripe key": lambda m: "sk_" + "live_" + m.of(ALNUM, 24),
    "OpenAI key": lambda m: "sk" + "-proj-" + m.of(ALNUM, 48),
    "Anthropic key": lambda m: "sk" + "-ant-api03-" + m.of(URLSAFE, 93) + "AA",
    "Google key": lambda m: "AI" + "za" + m.of(URLSAFE, 35),
    "Google OAuth secret": lambda m: "GOC" + "SPX-" + m.of(URLSAFE, 28),
    "Hugging Face token": lambda m: "h" + "f_" + m.of(LOWER + UPPER, 34),
    "SendGrid key": lambda m: "S" + "G." + m.of(URLSAFE, 22) + "." + m.of(URLSAFE, 43),
    "Twilio key": lambda m: "S" + "K" + m.of(HEX, 32),
    "Mailchimp key": lambda m: m.of(HEX, 32) + "-us" + m.of("123456789", 1),
    "npm token": lambda m: "np" + "m_" + m.of(ALNUM, 36),
    "PyPI token": lambda m: "py" + "pi-" + "AgEIcHlwaS5vcmc" + m.of(URLSAFE, 80),
    "Databricks token": lambda m: "da" + "pi" + m.of(HEX, 32),
    "DigitalOcean token": lambda m: "do" + "p_v1_" + m.of(HEX, 64),
    "Shopify token": lambda m: "shp" + "at_" + m.of(HEX, 32),
    "Vault token": lambda m: "hv" + "s." + m.of(URLSAFE, 90),
    "Telegram bot token": lambda m: m.of("123456789", 10) + ":" + "AA" + m.of(URLSAFE, 33),
    "Discord token": lambda m: "M" + m.of(ALNUM, 23) + "." + m.of(URLSAFE, 6) + "." + m.of(URLSAFE, 27),
    "Square token": lambda m: "sq0" + "csp-" + m.of(URLSAFE, 43),
    "New Relic key": lambda m: "NR" + "AK-" + m.of(UPPER + DIGITS, 27),
    "Grafana token": lambda m: "gl" + "sa_" + m.of(ALNUM, 32) + "_" + m.of(HEX, 8),
    "Notion token": lambda m: "nt" + "n_" + m.of(ALNUM, 46),
    "Linear key": lambda m: "lin" + "_api_" + m.of(ALNUM, 40),
    "Docker token": lambda m: "dckr" + "_pat_" + m.of(URLSAFE, 27),
    "Azure client secret": lambda m: m.of(ALNUM, 3) + m.of(DIGITS, 1) + "Q~" + m.of(ALNUM, 34),
    "age secret key": lambda m: "AGE-SECRET" + "-KEY-1" + m.of(UPPER + DIGITS, 58),
    "a key of a service nobody knows": lambda m: "acme" + "_live_" + m.of(ALNUM, 32),
    "JSON web token": Maker.jwt,
    "private key": Maker.private_key,
}
"""Kind → what makes one; all of these are known by their form alone."""

NAMED: dict[str, tuple[str, Callable[[Maker], str]]] = {
    "password": ("db_password", Maker.password),
    "passphrase": ("passphrase", Maker.password),
    "hex key": ("api_key", lambda m: m.of(HEX, 32)),
    "UUID key": ("HEROKU_API_KEY", Maker.uuid),
    "client secret": ("client_secret", lambda m: m.of(ALNUM + "~._-", 30)),
    "encryption key": ("encryption_key", lambda m: base64.b64encode(m.of(ALNUM, 32).encode()).decode()),
    "access token": ("access_token", lambda m: m.of(ALNUM, 20)),
    "camel case": ("clientSecret", lambda m: m.of(ALNUM, 18)),
    "word and digits": ("SMTP_PASS", lambda m: m.of(LOWER, 5) + m.of(DIGITS, 4)),
    "weights and biases": ("WANDB_API_KEY", lambda m: m.of(HEX, 40)),
}
"""Kind → a name that tells, and what makes a value; only the name gives these away."""


def left_on_disk(folder: Path, secrets: dict[str, str]) -> dict[str, list[str]]:
    """Which secrets stand in which file below a folder, byte for byte, also with a line break as its two letters."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for name, value in secrets.items():
            if any(form.encode() in data for form in {value, value.replace("\n", "\\n")}):
                found.setdefault(path.name, []).append(name)
    return found
