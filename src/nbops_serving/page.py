"""The page at ``/``: what the model takes, with the example filled in, to be tried in a browser.

Everything is in the one answer: no script, font or picture comes from anywhere else, and the policy header allows
exactly the script and style below by their digest.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563eb; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .dim { opacity: .7; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .5rem; }
td, th { border-bottom: 1px solid var(--line); vertical-align: top; }
textarea { width: 100%; min-height: 14rem; font: 13px/1.4 ui-monospace, monospace; box-sizing: border-box; }
textarea, pre { border: 1px solid var(--line); border-radius: 6px; padding: .6rem; background: var(--soft); }
pre { font: 13px/1.4 ui-monospace, monospace; overflow: auto; min-height: 2rem; white-space: pre-wrap; }
button { font: inherit; padding: .4rem 1rem; border: 0; border-radius: 6px; background: var(--accent); color: #fff; }
button:focus-visible, textarea:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""

_SCRIPT = """
const api = JSON.parse(document.getElementById("api").textContent);
const byId = (name) => document.getElementById(name);
byId("model").textContent = api.info.title + "@" + api.info.version;
byId("said").textContent = api.info.description;
const row = api.components.schemas.Row;
for (const [name, column] of Object.entries(row.properties)) {
  const line = byId("columns").insertRow();
  const kind = [].concat(column.type).filter((one) => one !== "null").join();
  const cells = [name, column.format || kind, row.required.includes(name) ? "yes" : "no", column.description || ""];
  for (const text of cells) line.insertCell().textContent = text;
}
const example = api.paths["/predict"].post.requestBody.content["application/json"].examples.training.value;
byId("request").value = JSON.stringify({ rows: example.rows.slice(0, 1) }, null, 2);
byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("answer").textContent = "…";
  const started = performance.now();
  try {
    const headers = { "content-type": "application/json" };
    if (byId("key").value) headers.authorization = "Bearer " + byId("key").value;
    const reply = await fetch("predict", { method: "POST", headers, body: byId("request").value });
    const text = await reply.text();
    byId("status").textContent = reply.status + " in " + (performance.now() - started).toFixed(1) + " ms";
    byId("answer").textContent = JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    byId("status").textContent = "failed";
    byId("answer").textContent = String(error);
  }
});
"""

_BODY = """<header><h1 id="model"></h1><p id="said" class="dim"></p></header>
<main>
<h2>Try it</h2>
<form id="form">
<p><label for="request">Request to <code>POST /predict</code></label></p>
<textarea id="request" spellcheck="false"></textarea>
<p><button type="submit">Predict</button>
<label>API key, where one is needed <input id="key" type="password" autocomplete="off"></label></p>
</form>
<p id="status" class="dim" role="status"></p>
<pre id="answer" aria-label="Answer" tabindex="0"></pre>
<h2>Columns</h2>
<table><thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Needed</th>
<th scope="col">In training</th></tr></thead><tbody id="columns"></tbody></table>
<h2>More</h2>
<p><a href="openapi.json">openapi.json</a> · <a href="manifest">manifest</a> · <a href="metrics">metrics</a> ·
<a href="health/ready">health</a></p>
</main>"""


def render(document: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the page and its Content-Security-Policy.

    Args:
        document: the OpenAPI document, which the page's script reads.

    Returns:
        The HTML, and the value of the header.

    Example:
        >>> page, policy = render({"info": {"title": "</script><b>"}})
        >>> b"</script><b>" in page, policy[:18]
        (False, b"default-src 'none'")
    """
    # "<" cannot occur outside of JSON strings, and inside of them it may be written like this
    data = msgspec.json.encode(document).replace(b"<", b"\\u003c")
    html = (
        b'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Model</title>'
        b'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        b"<style>" + _STYLE.encode() + b"</style></head><body>" + _BODY.encode() +
        b'<script type="application/json" id="api">' + data + b"</script>"
        b"<script>" + _SCRIPT.encode() + b"</script></body></html>"
    )  # fmt: skip
    policy = (
        f"default-src 'none'; script-src '{_digest(_SCRIPT)}'; style-src '{_digest(_STYLE)}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return html, policy.encode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
