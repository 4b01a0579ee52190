"""What names say: whether a variable, key or option holds a secret, and whether a value is one or stands for one.

Names are read as words (``dbPassword``, ``DB_PASSWORD`` and ``db-password`` are the same two), and the last word
decides: ``password_length`` is a length, ``token_count`` a count, ``secret_santa`` a person.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from typing import Literal

Level = Literal["strong", "weak"]
"""``strong``: whatever stands there is a secret; ``weak``: it is one if it also looks made by a machine."""

_PASSWORDS = frozenset({
    "password", "passwords", "passwd", "passwort", "pwd", "pw", "passphrase", "passcode", "pswd", "psswd", "pword",
    "contrasena",
    "userpass", "dbpass", "dbpassword", "pgpassword", "mysqlpwd", "sshpass", "userpassword", "loginpassword",
    "contraseña", "motdepasse", "kennwort", "senha", "wachtwoord",
})  # fmt: skip
_SECRETS = frozenset(
    {"secret", "clientsecret", "appsecret", "apisecret", "credential", "credentials", "creds", "authorization"}
)
_WHOLE = frozenset({
    "apikey", "apitoken", "authtoken", "accesstoken", "accesskey", "secretkey", "privatekey", "authkey",
    "sshkey", "masterkey", "bottoken", "refreshtoken", "bearertoken", "sessiontoken", "xapikey", "apisecretkey",
})  # fmt: skip
# "pass" is also what a loop makes and a filter lets through.
_BEFORE_PASS = frozenset({
    "db", "database", "user", "usr", "username", "smtp", "ftp", "sftp", "mail", "email", "root", "admin", "mysql",
    "pg", "postgres", "my", "login", "imap", "account", "host", "server", "redis", "mongo", "ssh", "api", "service",
    "key", "jdbc", "wifi", "proxy", "auth", "basic", "sudo", "vault", "ldap", "http", "rabbitmq", "kafka", "es",
    "elastic", "oracle", "mssql", "sql", "snowflake", "redshift", "keystore", "truststore", "cert", "zip", "gmail",
})  # fmt: skip
_BEFORE_KEY = frozenset({
    "api", "access", "secret", "private", "auth", "account", "encryption", "encrypt", "decryption", "signing", "sign",
    "signature", "master", "service", "storage", "subscription", "ssh", "deploy", "client", "admin", "app",
    "application", "license", "webhook", "shared", "hmac", "jwt", "consumer", "ingest", "ingestion", "rsa", "aes",
    "fernet", "integration", "server", "function", "root", "write", "secure", "pem", "kms", "bot", "priv",
})  # fmt: skip
_BEFORE_TOKEN = frozenset({
    "api", "access", "auth", "refresh", "bearer", "bot", "session", "id", "oauth", "personal", "security", "sas",
    "service", "github", "gitlab", "slack", "hf", "huggingface", "hub", "jwt", "user", "admin", "app", "deploy",
    "login", "identity", "device", "push", "webhook", "registry", "npm", "pypi", "vault", "csrf", "authentication",
    "authorization", "telegram", "discord", "twilio", "databricks", "sentry", "mapbox", "jupyter", "root", "private",
    "secret", "client", "consumer", "account", "project", "write", "read", "upload", "integration", "influx",
    "notion", "airtable", "shopify", "stripe", "square", "dropbox", "figma", "linear", "heroku", "netlify",
    "digitalocean", "cloudflare", "grafana", "datadog", "circleci", "travis", "codecov", "sonar", "buildkite",
    "replicate", "cohere", "openai", "anthropic", "wandb", "kaggle", "gh", "tg", "line", "twitter", "facebook", "fb",
    "instagram", "linkedin", "spotify", "strava", "fitbit", "zoom", "asana", "trello", "jira", "okta", "aws", "azure",
    "gcp", "google", "ibm", "db", "snowflake", "motherduck", "neptune", "comet", "mlflow", "dagshub", "roboflow",
    "gitea", "bitbucket", "confluence", "atlassian", "pagerduty", "rollbar", "plaid",
})  # fmt: skip
_WEAK = frozenset({
    "token", "key", "auth", "bearer", "jwt", "sas", "cookie", "session", "pat", "sig", "signature", "pass",
    "cred", "otp", "hmac", "secrets", "passwords", "tokens", "apikeys", "keys", "pem",
})  # fmt: skip
# "max_tokens", "pad_token": words before "token" that speak of text.
_OF_TEXT = frozenset({
    "pad", "padding", "unk", "eos", "bos", "mask", "sep", "cls", "special", "start", "end", "stop", "next", "first",
    "last", "prev", "previous", "max", "min", "num", "n", "word", "sub", "target", "input", "output", "prompt",
    "image", "begin", "delimiter", "oov", "additional", "extra", "new", "by", "per", "sort", "primary", "foreign",
    "partition", "cache", "group", "join", "index", "row", "column", "col", "map", "dict", "public", "sorted", "hash",
    "lookup", "idempotency",
})  # fmt: skip
_TAILS = frozenset({
    "value", "val", "str", "string", "raw", "plain", "plaintext", "b64", "base64", "bytes", "encoded", "prod",
    "production", "dev", "staging", "stage", "old", "new", "backup", "primary", "secondary", "live", "sandbox", "v1",
    "v2", "text", "txt", "default", "env", "local", "test", "here", "current", "tmp", "temp", "id2", "main", "real",
    "clear",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zà-ÿ]+|[0-9]+")


@lru_cache(2048)
def level(name: str) -> Level | None:
    """Tell what a name says of the value it holds.

    Args:
        name: of a variable, a key, an option or an environment variable.

    Example:
        >>> level("OPENAI_API_KEY"), level("dbPassword"), level("token"), level("token_count"), level("pad_token")
        ('strong', 'strong', 'weak', None, None)
    """
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1].isdecimal() or words[-1] in _TAILS):
        words.pop()
    if not words:
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    whole = "".join(words)
    if last in _PASSWORDS or last in _SECRETS or last in _WHOLE or whole in _WHOLE or whole in _PASSWORDS:
        return "strong"
    if (
        (last == "pass" and before in _BEFORE_PASS)
        or (last == "key" and before in _BEFORE_KEY)
        or (last == "token" and before in _BEFORE_TOKEN)
        or (last == "keys" and before == "api")
        or whole == "pass"
    ):
        return "strong"
    return "weak" if last in _WEAK and before not in _OF_TEXT else None


def is_password(name: str) -> bool:
    """Whether a name speaks of something that a person types: any value will do."""
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _PASSWORDS for word in words[-2:]) or words[-1:] == ["pass"]


_STAND_INS = frozenset({
    "true", "false", "none", "null", "nil", "undefined", "nan", "na", "n/a", "yes", "no", "on", "off", "empty",
    "default", "required", "optional", "str", "string", "text", "object", "category", "int", "integer", "float",
    "bool", "boolean", "bytes", "varchar", "keyword", "number", "date", "list", "dict", "float32", "float64", "int32",
    "int64", "uint8", "password", "passwd", "pass", "pwd", "secret", "secrets", "token", "tokens", "key", "keys",
    "user", "username", "name", "login", "auth", "value", "values", "test", "testing", "example", "sample", "demo",
    "foo", "bar", "baz", "todo", "tbd", "fixme", "unknown", "hidden", "masked", "redacted", "anonymous", "guest",
    "public", "private", "local", "localhost", "basic", "bearer", "digest", "apikey", "oauth", "oauth2", "jwt",
    "hmac", "md5", "sha1", "sha256", "sha512", "bcrypt", "utf-8", "utf8", "ascii", "changeme", "placeholder",
    "credentials", "authorization", "session", "cookie", "missing", "invalid", "wrong", "incorrect", "correct",
    "valid", "column", "index", "mean", "sum", "count", "median", "first", "last", "drop", "ignore", "raise", "left",
    "right", "inner", "outer", "hash", "id", "email", "phone", "content-type", "label", "feature", "target", "prefix",
    "suffix", "sum()", "auto", "env", "file", "prompt", "input", "application/json", "ok",
})  # fmt: skip
_STANDS_IN = re.compile(
    r"<[^>]*>|\{|\}|\$\w|\$\(|%\(|%s|\.\.\.|…|x{4,}|\*{3,}|#{4,}|_{6,}|-{6,}|\[masked|nbops\.secret|change.?me|replace.?(me|this|with)|"
    r"placeholder|redacted|your[-_ ]|[-_ ]here\b|^insert|^enter[-_ ]|^my[-_](password|secret|token|api|key|access)|"
    r"(api|secret|access)[-_]?key[-_]?goes|^\(|^not[-_ ]a[-_ ]|^fake[-_ ]|^dummy",
    re.IGNORECASE,
)
_NAME_LIKE = re.compile(r"_*[A-Z][A-Z_]*|_*[a-z]+(?:[._]+[A-Za-z]+)+|_+[a-z]+|[a-z]+(?:[A-Z][a-z]+)+")
_PATH_LIKE = re.compile(
    r"(?:[.~]{0,2}/|[A-Za-z]:\\)[\w.\-]*(?:[/\\]|$)|.*\.(?:json|txt|pem|key|csv|ya?ml|env|pkl|toml|ini|cfg|crt|parquet|py|ipynb)$"
)


def is_blank(value: str) -> bool:
    """Whether a value has the form of a secret with nothing in it: ``sk-xxxxxxxx``, ``ghp_...``.

    Example:
        >>> is_blank("sk-xxxxxxxxxxxxxxxxxxxx"), is_blank("${TOKEN}"), is_blank("AKIAQWERTYUIOPASDFGH")
        (True, True, False)
    """
    return len(set(value)) < 6 or _STANDS_IN.search(value) is not None


def stands_in(value: str) -> bool:
    """Whether a value only holds the place of a secret, or names one: ``<token>``, ``changeme``, ``users.password``.

    Example:
        >>> stands_in("YOUR_API_KEY"), stands_in("password"), stands_in("${DB_PASSWORD}"), stands_in("hunter2")
        (True, True, True, False)
    """
    text = value.strip().strip("\"'`")
    if text.lower() in _STAND_INS or len(set(text)) < 3 or _STANDS_IN.search(text):
        return True
    # A name of a secret is none: environment variables, columns, headers.
    if not any(letter.isdigit() for letter in text) and _NAME_LIKE.fullmatch(text):
        return True
    if text.replace("-", "").isalpha() and "-" in text and level(text) is not None:
        return True
    return bool(_PATH_LIKE.match(text)) or (text.startswith(("http://", "https://")) and "@" not in text)


# Which letters follow which in the words of code and prose: these pairs make up nine tenths of them, and a quarter of
# what a machine draws.
_FOLLOWS = {
    pair[0]: frozenset(pair[1:])
    for pair in (
        "abcdgilmnprstuy", "baelo", "caehiklotu", "daeiosu", "eacdefgilmnprstvx", "faeiou", "gehir", "haeio", "ke",
        "qu", "iabcdefglmnorstvz", "ladeilostuy", "maeiopu", "nacdegiostuv", "obcdlmnoprstuvw", "paeiloprtuy",
        "yp", "ze", "radegimnorstuy", "sacehiopstu", "taehiorstuy", "uelmnprst", "vaei", "wahi",
    )
}  # fmt: skip
_MACHINE = re.compile(r"[A-Za-z0-9+/=_\-.~!@#$%^&*]+")
_HEX = re.compile(r"(?=.*[a-f])(?=.*[0-9])[0-9a-f\-]+", re.IGNORECASE)
_PAIR = re.compile(r"(?=([a-z])([a-z]))")


def _is_wordy(text: str) -> bool:
    """Whether most letters follow each other as in words."""
    pairs = _PAIR.findall(text.lower())
    usual = sum(second in _FOLLOWS.get(first, ()) for first, second in pairs)
    return usual > 0.6 * max(len(pairs), 4)


def looks_random(text: str, least: int = 20) -> bool:
    """Whether a text mixes capitals, small letters and digits as no word, name or number does.

    Args:
        text: what is looked at.
        least: how many characters it must have.

    Example:
        >>> looks_random("q8ZtR2mWx7LpK4vNs9Yb3Hd"), looks_random("EfficientNetB0ImageNet1k")
        (True, False)
    """
    if len(text) < least or not _MACHINE.fullmatch(text):
        return False
    kinds = Counter("U" if c.isupper() else "l" if c.islower() else "d" if c.isdigit() else "s" for c in text)
    if not kinds["U"] or not kinds["l"] or kinds["s"] * 4 > len(text) or (not kinds["d"] and len(text) < 24):
        return False
    return not _is_wordy(text) and entropy(text) >= min(0.8 * math.log2(len(text)), 4.2)


def entropy(text: str) -> float:
    """Shannon's entropy of a text's characters, in bits per character.

    Example:
        >>> entropy("aabb")
        1.0
    """
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_made(text: str) -> bool:
    """Whether a value looks made by a machine rather than chosen as a word: letters and digits in one piece.

    Example:
        >>> is_made("9f86d081884c7d65"), is_made("hello-world"), is_made("model_2024"), is_made("12345678")
        (True, False, False, False)
    """
    if len(text) < 8 or not _MACHINE.fullmatch(text):
        return False
    if looks_random(text, 16) or (len(text) >= 16 and _HEX.fullmatch(text)):
        return True
    digits, letters = sum(map(str.isdigit, text)), sum(map(str.isalpha, text))
    if digits < 2 or letters < 2:
        return False
    wordy = sum(map(len, re.findall(r"[A-Za-z]{4,}", text)))
    if len(text) < 16:
        return wordy * 2 < len(text) and not re.fullmatch(r"[A-Za-z]+[-_.]?v?[\d.\-]+", text)
    return wordy * (2 if digits >= 3 else 3) < len(text)


def is_secret(name: str, value: str, *, quoted: bool = True) -> bool:
    """Whether a value under a name is a secret.

    Args:
        name: what it is called.
        value: the text.
        quoted: whether it stood in quotes; words of a sentence do not.

    Example:
        >>> is_secret("password", "hunter2"), is_secret("token", "[PAD]"), is_secret("db_password", "password")
        (True, False, False)
    """
    said = level(name)
    if said is None or len(value) < 4 or stands_in(value):
        return False
    if said == "weak":
        return is_made(value)
    if name.lower() == "pass" and not quoted:
        return looks_chosen(value)
    if any(map(str.isspace, value)):
        return quoted and is_password(name) and _is_passphrase(value)
    if value.isdecimal():
        return is_password(name)
    plain = value.isalpha()
    if plain and (value.islower() or value.istitle() or value.isupper()):
        # A word: a person may choose it as a password, no machine makes it as a key.
        return quoted and (len(value) >= 5 if is_password(name) else len(value) >= 12 and not _is_wordy(value))
    return not plain or (quoted and not _is_wordy(value))


def looks_chosen(value: str) -> bool:
    """Whether a value looks like a password that a person made up by the rules: letters, digits and signs.

    Example:
        >>> looks_chosen("Winter24!"), looks_chosen("localhost"), looks_chosen("2024-01-31")
        (True, False, False)
    """
    return (
        6 <= len(value) <= 64
        and any(map(str.isalpha, value))
        and any(map(str.isdigit, value))
        and any(sign in value for sign in "!?#%&*+@$^~")
        and not any(map(str.isspace, value))
        and not stands_in(value)
    )


_PROSE = frozenset(
    ["password", "your", "the", "a", "is", "enter", "please", "invalid", "for", "of", "to", "must", "with"]
)


def _is_passphrase(value: str) -> bool:
    words = value.split(" ")
    is_made_of_words = len(words) >= 3 and all(word.isalpha() and word.islower() for word in words)
    return is_made_of_words and len(value) <= 80 and _PROSE.isdisjoint(words)


def is_telling(value: str) -> bool:
    """Whether a value is so particular that it may be masked wherever it appears, not only where it was found.

    Example:
        >>> is_telling("hunter2!x"), is_telling("postgres"), is_telling("correct horse battery staple")
        (True, False, True)
    """
    text = value.strip()
    if len(text) < 6 or stands_in(text):
        return False
    if text.isalpha():
        return len(text) >= 16 or not (text.islower() or text.istitle() or text.isupper())
    return not text.replace(".", "").replace("-", "").replace(":", "").isdecimal() or len(text) >= 12


def kind_of(name: str) -> str:
    """Say what a name holds, for people.

    Example:
        >>> kind_of("OPENAI_API_KEY"), kind_of("db_password"), kind_of("connection_string")
        ('API key', 'password', 'secret')
    """
    lowered = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    for part, kind in (
        ("pass", "password"), ("pwd", "password"), ("apikey", "API key"), ("token", "token"), ("cookie", "cookie"),
        ("secret", "secret"), ("key", "key"), ("auth", "authorization"),
    ):  # fmt: skip
        if part in lowered:
            return kind
    return "password" if is_password(name) else "secret"
