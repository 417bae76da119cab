"""Requests by whom and from where are looked at."""

import base64

import pytest

from macbdf_mm.serving.access import check_access
from macbdf_mm.serving.refusal import Refusal

TOKEN = "a-token-of-the-tests"


def status_of(method="GET", token=None, allowed_hosts=(), **headers):
    headers = {"host": "127.0.0.1:8000"} | {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        check_access(method, headers, token, allowed_hosts)
    except Refusal as refusal:
        return int(refusal.status)
    return 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("LocalHost:1", 200),
        ("localhost.:1", 200),
        ("192.168.1.7:8000", 200),  # Nobody can have an address resolve to another one.
        ("detector.example:8000", 200),
        ("attacker.example:8000", 421),
        ("localhost.attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("", 421),
        ("localhost:8000@attacker.example", 421),
        ("localhost, attacker.example", 421),
    ],
)
def test_names_under_which_strangers_could_reach_it_are_refused(host, status):
    assert status_of(host=host, allowed_hosts=("detector.example",)) == status


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (basic(f"anybody:{TOKEN}"), 200),
        (basic(f":{TOKEN}"), 200),
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer \udcff", 401),
        (basic(TOKEN), 401),
        (basic(f"{TOKEN}:x"), 401),
        ("Basic !", 401),
        (f"Digest {TOKEN}", 401),
    ],
)
def test_the_token(authorization, status):
    headers = {} if authorization is None else {"authorization": authorization}
    assert status_of(token=TOKEN, **headers) == status
    assert status_of("POST", token=TOKEN, **headers) == status


def test_without_the_token_a_browser_is_told_to_ask_for_it():
    with pytest.raises(Refusal, match="demands its token") as refused:
        check_access("GET", {"host": "localhost"}, TOKEN, ())
    assert refused.value.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # No browser.
        ({"sec_fetch_site": "same-origin", "origin": "null"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8000"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 200),
        ({"origin": "http://127.0.0.1:9000"}, 403),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "http://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "https://Detector.example", "host": "detector.example"}, 200),
        ({"origin": "https://detector.example", "host": "detector.example:443"}, 200),
        ({"origin": "http://detector.example:80", "host": "detector.example"}, 200),
    ],
)
def test_only_its_own_page_may_send_forms(headers, status):
    headers = {"allowed_hosts": ("detector.example",), **headers}
    assert status_of("POST", **headers) == status
    assert status_of("GET", **headers) == 200  # A link from elsewhere.
