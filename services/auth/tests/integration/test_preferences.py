"""Preferences over HTTP."""

import asyncio
from typing import Any

import pytest

BASE = "/api/v1/users/me/preferences"


async def put(auth: Any, headers: dict[str, str], key: str, value: Any, **conditions: str) -> Any:
    return await auth.http.put(f"{BASE}/{key}", json=value, headers=headers | conditions)


@pytest.mark.parametrize("value", [{"z": 1, "a": [1.5, None, True]}, [], "dark", 0, False, {"नाम": "आशा"}])
async def test_what_is_stored_comes_back(auth: Any, value: Any) -> None:
    _, headers = await auth.user()
    stored = await put(auth, headers, "layout.main", value)
    assert stored.status_code == 200, stored.text
    read = await auth.http.get(f"{BASE}/layout.main", headers=headers)
    assert read.json() == value
    assert read.headers["ETag"] == stored.headers["ETag"] == stored.json()["etag"]
    listed = (await auth.http.get(BASE, headers=headers)).json()
    assert [item["key"] for item in listed["items"]] == ["layout.main"]
    assert listed["items"][0]["bytes"] == len(read.content)


async def test_two_tabs_do_not_overwrite_one_another(auth: Any) -> None:
    _, headers = await auth.user()
    first = (await put(auth, headers, "layout", {"n": 1})).headers["ETag"]
    writes = (put(auth, headers, "layout", {"n": n}, **{"If-Match": first}) for n in range(2, 10))
    answers = await asyncio.gather(*writes)
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    refused = next(answer for answer in answers if answer.status_code == 412)
    assert refused.json()["code"] == "preference_changed"
    stale = await auth.http.delete(f"{BASE}/layout", headers=headers | {"If-Match": first})
    assert stale.status_code == 412
    new = await put(auth, headers, "other", 1, **{"If-Match": first})
    assert new.status_code == 412, "what is not there has no ETag"
    only_new = [await put(auth, headers, "other", 1, **{"If-None-Match": "*"}) for _ in range(2)]
    assert [answer.status_code for answer in only_new] == [200, 412]
    assert (await put(auth, headers, "layout", 0, **{"If-Match": "*"})).status_code == 200


async def test_a_preference_is_deleted_once(auth: Any) -> None:
    _, headers = await auth.user()
    await put(auth, headers, "x", 1)
    assert (await auth.http.delete(f"{BASE}/x", headers=headers)).status_code == 204
    for method in ("GET", "DELETE"):
        answer = await auth.http.request(method, f"{BASE}/x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "preference_not_found")


async def test_preferences_are_small_and_few(auth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_service.application.preferences.MAX_KEYS_PER_USER", 2)
    _, headers = await auth.user()
    assert (await put(auth, headers, "a", "x" * 65_534)).status_code == 200
    assert (await put(auth, headers, "a", "x" * 65_535)).status_code == 413
    assert (await put(auth, headers, "b", 1)).status_code == 200
    more = await put(auth, headers, "c", 1)
    assert (more.status_code, more.json()["code"]) == (409, "too_many_preferences")
    assert (await put(auth, headers, "b", 2)).status_code == 200


@pytest.mark.parametrize("key", [".hidden", "a b", "x" * 101, "a%2Fb", "%00"])
async def test_keys_are_plain(auth: Any, key: str) -> None:
    _, headers = await auth.user()
    assert (await put(auth, headers, key, 1)).status_code in (400, 404, 422)


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b"1e999", b'"\\ud800"', b"[" * 30_000 + b"]" * 30_000, b"9" * 5_000, b"\xff"]
)
async def test_what_others_cannot_read_is_refused(auth: Any, body: bytes) -> None:
    _, headers = await auth.user()
    answer = await auth.http.put(f"{BASE}/x", content=body, headers=headers | {"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


async def test_a22_preferences_are_ones_own(auth: Any) -> None:
    _, owner = await auth.user()
    _, stranger = await auth.user()
    await put(auth, owner, "layout", {"secret": 1})
    assert (await auth.http.get(f"{BASE}/layout", headers=stranger)).status_code == 404
    assert (await auth.http.delete(f"{BASE}/layout", headers=stranger)).status_code == 404
    assert (await auth.http.get(BASE, headers=stranger)).json()["items"] == []
