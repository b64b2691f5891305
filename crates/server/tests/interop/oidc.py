"""An OpenID provider that this project did not write (oidc-provider-mock, on authlib), and a browser.

Says the provider's address, is told the service's, signs on there as a browser does, and says what it saw."""

import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock


def say(**what):
    print(json.dumps(what), flush=True)


def id_token(issuer, client):
    """An identity token for another client or for ours, got by a sign-on elsewhere."""
    to = "http://localhost/elsewhere"
    params = {"response_type": "code", "client_id": client, "redirect_uri": to, "scope": "openid", "state": "s"}
    sent = httpx.post(f"{issuer}/oauth2/authorize", params=params, data={"sub": "ida"})
    code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": to, "client_id": client, "client_secret": "x"}
    return httpx.post(f"{issuer}/oauth2/token", data=form).json()["id_token"]


def whoami(service, client=None, **headers):
    answer = (client or httpx).get(f"{service}/v1/whoami", headers=headers)
    return answer.status_code, answer.json()


with oidc_provider_mock.run_server_in_thread() as server:
    issuer = f"http://localhost:{server.server_port}"
    httpx.put(f"{issuer}/users/ida", json={"groups": ["makers", "desk"]}).raise_for_status()
    say(issuer=issuer)
    service = sys.stdin.readline().strip()

    good, other = id_token(issuer, "colophon"), id_token(issuer, "somebody-else")
    altered = good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB")
    for name, token in [("good", good), ("other", other), ("altered", altered)]:
        status, who = whoami(service, authorization=f"Bearer {token}")
        say(bearer=name, status=status, who=who)

    browser = httpx.Client()
    begun = browser.get(f"{service}/auth/login", params={"next": "/records/1"})
    at_issuer = begun.headers["location"]
    # Each cookie as the server set it, since the flags matter.
    cookie = begun.headers["set-cookie"]
    back = httpx.post(at_issuer, data={"sub": "ida"}).headers["location"]
    # Somebody else's browser cannot end the sign-on.
    stolen = httpx.get(back).status_code
    say(begun=begun.status_code, at_issuer=at_issuer, cookie=cookie, stolen=stolen)

    begun = browser.get(f"{service}/auth/login", params={"next": "/records/1"})
    back = httpx.post(begun.headers["location"], data={"sub": "ida"}).headers["location"]
    ended = browser.get(back)
    say(
        ended=ended.status_code,
        to=ended.headers.get("location"),
        cookies=ended.headers.get_list("set-cookie"),
        again=browser.get(back).status_code,
    )
    status, who = whoami(service, browser)
    say(session=status, who=who)
    logout = f"{service}/auth/logout"
    without = browser.post(logout).status_code
    wrong = browser.post(logout, headers={"x-csrf-token": "x" * 43}).status_code
    right = browser.post(logout, headers={"x-csrf-token": who["csrf_token"]}).status_code
    status, who = whoami(service, browser)
    say(without=without, wrong=wrong, right=right, after=who["kind"])

    refused = httpx.get(f"{service}/auth/callback", params={"error": "access_denied", "state": "x"}).status_code
    say(refused=refused)
