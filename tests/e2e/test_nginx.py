"""The shipped nginx configuration before the running stack: REST, stream and web app over TLS, and what stays out."""

import json
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import websockets

from breezeway.supervisor.ports import free_port
from breezeway.testing.nginx import Nginx, installed, nginx
from breezeway.testing.stack_process import StackProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx"


@pytest.fixture(scope="module")
def front(stack: StackProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx before the shared stack."""
    if installed() is None:
        pytest.skip("nginx was not found (apt-get install nginx; .ci/run does): its configuration is not tried")
    with nginx(SHIPPED, tmp_path_factory.mktemp("front"), stack.port) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(front: Nginx) -> ssl.SSLContext:
    """Trusts nginx's certificate and no other."""
    return ssl.create_default_context(cafile=str(front.ca))


@pytest_asyncio.fixture
async def http(front: Nginx, trusting: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=front.url, verify=trusting, timeout=30) as client:
        yield client


async def demo_token(http: httpx.AsyncClient) -> str:
    answer = await http.post("/api/v1/auth/login", json={"email": "demo@example.com", "password": "breezeway-demo"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_rest_works_over_tls(http: httpx.AsyncClient) -> None:
    bearer = {"Authorization": f"Bearer {await demo_token(http)}"}
    answer = await http.get("/api/v1/instruments/NSE:RELIANCE", headers=bearer)
    assert answer.status_code == 200
    assert answer.json()["symbol"] == "NSE:RELIANCE"
    # Percent signs stay as they were sent: decoded, this would be another path.
    odd = await http.get("/api/v1/instruments/NSE%3ANO%26SUCH", headers=bearer)
    assert odd.json()["code"] == "instrument_not_found"
    assert "NSE:NO&SUCH" in odd.json()["detail"]


async def test_the_stream_delivers_through_it(front: Nginx, trusting: ssl.SSLContext, http: httpx.AsyncClient) -> None:
    token = await demo_token(http)
    url = front.url.replace("https", "wss") + "/ws/v1/stream"
    async with websockets.connect(url, ssl=trusting, proxy=None) as socket:
        await socket.send(json.dumps({"action": "auth", "token": token}))
        await socket.send(json.dumps({"action": "subscribe", "id": 1, "channels": ["tick:NSE:RELIANCE"]}))
        kinds: set[str] = set()
        while "tick" not in kinds:
            frame = json.loads(await socket.recv())
            kinds |= {message["type"] for message in frame}
    assert {"authenticated", "subscribed", "tick"} <= kinds


async def test_the_web_app_and_its_assets(http: httpx.AsyncClient) -> None:
    page = await http.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    names = [word.split('"')[0] for word in page.text.split('src="/assets/')[1:]]
    for name in names[:1]:  # none when no web app is built: then the start page is what there is
        first, second = [await http.get(f"/assets/{name}") for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 200)
        assert "immutable" in second.headers["Cache-Control"]
        assert second.headers["X-Cache"] == "HIT"
        assert second.content == first.content


async def test_headers_of_security_are_on_every_answer(http: httpx.AsyncClient) -> None:
    for path in ("/", "/api/v1/nothing", "/metrics"):
        answer = await http.get(path)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert answer.headers["Server"] == "nginx"
    answer = await http.get("/api/v1/nothing")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/internal", "/internal/v1/users", "//internal/v1", "/metrics/"]
)
async def test_what_is_for_operators_stays_inside(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert "breezeway_" not in answer.text


async def test_plain_http_is_sent_to_tls(front: Nginx) -> None:
    async with httpx.AsyncClient(base_url=front.plain) as plain:
        moved = await plain.post("/api/v1/auth/login?x=1", json={"email": "a", "password": "b"})
        alive = await plain.get("/livez")
    assert moved.status_code == 308
    assert moved.headers["Location"] == "https://127.0.0.1/api/v1/auth/login?x=1"
    assert alive.json() == {"status": "alive"}


async def test_old_tls_is_refused(front: Nginx) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(verify=old) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(front.url)


async def test_huge_bodies_end_in_nginx(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/auth/login", content=b"x" * 1_200_000)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "too_large"
    assert len(answer.json()["request_id"]) == 32


async def test_an_address_cannot_be_smuggled_past_it(http: httpx.AsyncClient) -> None:
    """A-14: `X-Forwarded-For` of a stranger is replaced; the limits would else count an address of their choice."""
    text = (SHIPPED / "site.conf").read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "$proxy_add_x_forwarded_for" not in text
    answer = await http.get("/api/v1/nothing", headers={"X-Forwarded-For": "not an address, 1.2.3.4"})
    assert answer.status_code == 404


async def test_too_many_attempts_are_turned_away(http: httpx.AsyncClient) -> None:
    """The last test here: it uses up the credential attempts of this address for some seconds."""
    answers = [await http.get("/api/v1/auth/nothing") for _ in range(200)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in refused)
    assert all(answer.json()["code"] == "rate_limited" and "Retry-After" in answer.headers for answer in refused)
    assert (await http.get("/api/v1/nothing")).status_code == 404


async def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    if installed() is None:
        pytest.skip("nginx was not found (apt-get install nginx; .ci/run does): its configuration is not tried")
    with nginx(SHIPPED, tmp_path, free_port()) as alone:
        trusting = ssl.create_default_context(cafile=str(alone.ca))
        async with httpx.AsyncClient(base_url=alone.url, verify=trusting) as client:
            answer = await client.get("/api/v1/instruments/NSE:RELIANCE")
    assert answer.status_code == 503
    assert answer.json()["code"] == "gateway_unavailable"
    assert answer.headers["Retry-After"] == "2"
