"""Nobody gets in without the server's own leave: every address, each way of asking."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from nbops.rest.routes import ROUTES

if TYPE_CHECKING:
    from conftest import Server

ADDRESSES = [
    ("GET", "openapi.json"),
    ("GET", "project"),
    ("POST", "calls/stop"),
    *((route.method, route.name) for route in ROUTES),
]


@pytest.mark.parametrize(("method", "name"), ADDRESSES, ids=[f"{method} {name}" for method, name in ADDRESSES])
def test_without_a_token_every_route_is_forbidden(server: Server, method: str, name: str) -> None:
    with server.client() as client:
        response = client.request(method, name)

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "name"), ADDRESSES, ids=[f"{method} {name}" for method, name in ADDRESSES])
def test_with_a_wrong_token_every_route_is_forbidden(server: Server, method: str, name: str) -> None:
    with server.client(Authorization="token 00000000000000000000000000000000") as client:
        assert client.request(method, name).status_code == 403


CHANGING = [("POST", "calls/stop"), *((route.method, route.name) for route in ROUTES if route.method != "GET")]


@pytest.fixture(scope="module")
def logged_in(server: Server) -> httpx.Cookies:
    """The cookies of a browser that has logged in."""
    with httpx.Client(follow_redirects=True) as client:
        client.get(f"{server.address}/login", params={"token": server.token})
        assert any(name.startswith("username-") for name in client.cookies)
        return client.cookies


@pytest.mark.parametrize(("method", "name"), CHANGING, ids=[f"{method} {name}" for method, name in CHANGING])
def test_a_browser_cannot_be_tricked_into_a_change(
    server: Server, logged_in: httpx.Cookies, method: str, name: str
) -> None:
    url = f"{server.address}/nbops/api/v1/{name}"

    response = httpx.request(method, url, cookies=logged_in, json={}, verify=False)

    assert response.status_code == 403
    assert "_xsrf" in response.json()["detail"]


def test_a_browser_that_sends_the_xsrf_token_back_may_change(server: Server, logged_in: httpx.Cookies) -> None:
    xsrf = next(value for name, value in logged_in.items() if name == "_xsrf")

    response = httpx.post(
        f"{server.address}/nbops/api/v1/check", cookies=logged_in, headers={"X-XSRFToken": xsrf}, json={}
    )

    # Let in, and told what is missing.
    assert response.status_code == 400
    assert "check needs model" in response.json()["detail"]


def test_every_verb_that_changes_something_refuses_get(server: Server) -> None:
    for _, name in CHANGING:
        assert server.ask("GET", name).status_code == 405


@pytest.mark.parametrize("path", ["..", "../..", "first/../../..", "/../etc"])
def test_a_project_outside_of_the_servers_root_is_refused(server: Server, path: str) -> None:
    response = server.ask("GET", "runs", project=path)

    assert (response.status_code, response.json()["code"]) == (400, "path_outside")


def test_a_link_that_leads_out_of_the_servers_root_is_refused(server: Server, tmp_path: Path) -> None:
    (server.folder / "out").symlink_to(tmp_path)

    assert server.ask("GET", "runs", project="out").json()["code"] == "path_outside"


def test_what_is_sent_may_not_be_kept_or_guessed_at(server: Server) -> None:
    headers = server.ask("GET", "runs").headers

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert re.search("default-src 'none'", headers["content-security-policy"])
