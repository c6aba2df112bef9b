"""The login page: one click, then back to the app with a session."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from breeze_simulator.api.login import with_query
from breeze_simulator.settings import Settings


async def test_a_click_leads_back_with_a_session_and_the_state(served: Callable[..., Any]) -> None:
    async with served(Settings(redirect_url="http://127.0.0.1:8000/callback?from=sim")) as running:
        page = await running.client.get("/apiuser/login", params={"api_key": "sim+key=1", "state": 'a"b<c'})
        assert page.status_code == 200
        assert "Breeze simulator" in page.text
        assert 'value="a&quot;b&lt;c"' in page.text
        answer = await running.client.post("/apiuser/login", data={"api_key": "sim+key=1", "state": 'a"b<c'})
        assert answer.status_code == 303
        target = urlsplit(answer.headers["location"])
        query = parse_qs(target.query)
        assert (target.netloc, target.path) == ("127.0.0.1:8000", "/callback")
        assert query["from"] == ["sim"]
        assert query["state"] == ['a"b<c']
        assert len(query["apisession"][0]) == 8
        fields = {"SessionToken": query["apisession"][0], "AppKey": "sim+key=1"}
        details = await running.client.request("GET", "/breezeapi/api/v1/customerdetails", json=fields)
        assert details.json()["Success"]["idirect_userid"] == "SIM00001"


async def test_a_key_must_be_url_encoded_as_at_the_broker(simulator: Any) -> None:
    good = await simulator.client.get("/apiuser/login?api_key=sim%2Bkey%3D1")
    bad = await simulator.client.get("/apiuser/login?api_key=sim+key=1")
    assert "DEMO TRADER" in good.text
    assert bad.text == "Public Key does not exist"


async def test_an_unknown_key_posts_in_vain(simulator: Any) -> None:
    answer = await simulator.client.post("/apiuser/login", data={"api_key": "nobody"})
    assert (answer.status_code, answer.text) == (200, "Public Key does not exist")


async def test_an_app_may_have_its_own_address(simulator: Any) -> None:
    app = {"api_key": "k2", "secret": "s", "user_id": "U2", "redirect_url": "https://127.0.0.1/mine"}
    assert (await simulator.client.post("/_sim/apps", json=app)).json()["created"] is True
    answer = await simulator.client.post("/apiuser/login", data={"api_key": "k2"})
    assert answer.headers["location"].startswith("https://127.0.0.1/mine?apisession=")


def test_an_existing_query_survives_and_our_values_win() -> None:
    made = with_query("http://h/p?state=x&a=1&b=#frag", {"apisession": "1", "state": "y"})
    assert made == "http://h/p?a=1&b=&apisession=1&state=y#frag"
