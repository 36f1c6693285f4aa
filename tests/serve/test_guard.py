"""`imcap.serve.guard`: whose requests are answered."""

import pytest

from helpers.asking import ask

pytest.importorskip("starlette", reason="imcap[serve] is not installed")


@pytest.fixture(scope="module")
def app():
    """An application that answers everything, behind the guard."""
    from starlette.responses import PlainTextResponse

    from imcap.serve.guard import Guard

    return Guard(PlainTextResponse("hello"), names=["Box.local"])


@pytest.mark.parametrize(
    "host,status",
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7:8000", 200),
        ("box.local:8000", 200),
        ("rebound.example:8000", 403),
        ("localhost.example", 403),
        ("127.0.0.1.example", 403),
        ("user@rebound.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_only_our_own_names_are_answered(app, host, status):
    answer = ask(app, "GET", "/api/health", headers={"Host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    "headers,status",
    [
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "http://127.0.0.1:9000"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_may_not_ask(app, headers, status):
    answer = ask(app, "POST", "/api/caption", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_a_link_from_elsewhere_opens_the_page(app):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert ask(app, "GET", "/", headers=headers).status_code == 200
