"""BreezeRest against a stub that speaks the broker's HTTP, literal answers included."""

import asyncio
import hashlib
import json
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.rest import BreezeRest
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.candles.columns import Candles
from breezeway.clock import IST
from breezeway.errors import (
    BreezewayError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

DETAILS = {
    "exg_trade_date": {"NSE": "04-Feb-2025", "BSE": "04-Feb-2025"},
    "exg_status": {"NSE": "O", "FNO": "Y"},
    "segments_allowed": {"Trading": "Y", "Currency": "Z"},
    "idirect_userid": "XY000000",
    "session_token": b64encode(b"XY000000:4242").decode(),
    "idirect_user_name": "JOHN SMITH",
    "idirect_lastlogin_time": "04-Feb-2025 15:07:17",
}
QUOTE = {
    "exchange_code": "NFO",
    "product_type": "Future",
    "stock_code": "NIFTY",
    "expiry_date": "27-Feb-2025",
    "right": "*",
    "strike_price": 0.0,
    "ltp": 23832.85,
    "ltt": "05-Feb-2025 09:36:56",
    "best_bid_price": 23832.0,
    "best_bid_quantity": "1500",
    "best_offer_price": 0.0,
    "best_offer_quantity": "0",
    "open": 23825.0,
    "high": 23840.6,
    "low": 23808.0,
    "previous_close": 23785.4,
    "ltp_percent_change": 0.2,
    "upper_circuit": 26163.95,
    "lower_circuit": 21406.9,
    "total_quantity_traded": "623325",
    "spot_price": "23783.7",
}
RELIANCE = BrokerInstrument("NSE", "RELIND", "equity")
CREDENTIALS = BreezeCredentials("a+b=", "secret", "XY000000", "4242")


class Stub:
    """Answers with what `answers` holds for the path's last word; keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, str, str, dict[str, str]]] = []
        self.delay = 0.0
        self.piece, self.drip = 1 << 20, 0.0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                stub.asked.append((self.command, self.path, body, dict(self.headers)))
                time.sleep(stub.delay)
                status, text = stub.answers[urlsplit(self.path).path.rsplit("/", 1)[-1]]
                payload = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                with suppress(OSError):  # the client may have left
                    for start in range(0, len(payload), stub.piece):
                        self.wfile.write(payload[start : start + stub.piece])
                        time.sleep(stub.drip)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"

    def ok(self, word: str, success: object) -> None:
        self.answers[word] = (200, json.dumps({"Success": success, "Status": 200, "Error": None}))

    def fault(self, word: str, error: str, status: int = 500, http: int = 200) -> None:
        self.answers[word] = (http, json.dumps({"Success": None, "Status": status, "Error": error}))


class Quota:
    """Counts instead of limiting."""

    def __init__(self) -> None:
        self.taken = 0
        self.cooled: list[tuple[str, str]] = []

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        self.taken += cost

    async def cool_down(self, account_id: str, code: str) -> float:
        self.cooled.append((account_id, code))
        return 77


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest_asyncio.fixture
async def transport(stub: Stub) -> AsyncIterator[BreezeTransport]:
    made = BreezeTransport(
        BreezeEndpoints.single_origin(stub.origin), TransportRules(read_timeout=0.5, max_answer_bytes=50_000)
    )
    yield made
    await made.aclose()


@pytest.fixture
def quota() -> Quota:
    return Quota()


@pytest.fixture
def rest(transport: BreezeTransport, quota: Quota) -> BreezeRest:
    made = BreezeRest(transport, quota, "account")
    made.resume(CREDENTIALS)
    return made


async def test_a_session_is_opened_and_later_calls_are_signed(
    stub: Stub, transport: BreezeTransport, quota: Quota
) -> None:
    rest = BreezeRest(transport, quota, "account")
    stub.ok("customerdetails", DETAILS)
    stub.ok(
        "funds",
        {
            "bank_account": "123456789012",
            "total_bank_balance": 8e8,
            "allocated_fno": 2.5,
            "unallocated_balance": "7",
        },
    )
    login = await rest.open_session("a+b=", "secret", "12345678")
    assert (login.user_id, login.session_key, login.user_name) == ("XY000000", "4242", "JOHN SMITH")
    assert login.profile.last_login == datetime(2025, 2, 4, 15, 7, 17, tzinfo=IST)
    assert login.profile.trade_dates["NSE"] == date(2025, 2, 4)
    assert "4242" not in repr(login)
    funds = await rest.funds()
    assert (funds.bank_account, funds.allocated, funds.unallocated_balance) == (
        ("…9012", {"fno": Decimal("2.5")}, Decimal(7))
    )
    method, _, body, headers = stub.asked[-1]
    assert (method, body) == ("GET", "{}")
    signed = headers["X-Timestamp"] + body + "secret"
    assert headers["X-Checksum"] == "token " + hashlib.sha256(signed.encode()).hexdigest()
    assert b64decode(headers["X-SessionToken"]) == b"XY000000:4242"
    assert (quota.taken, len(stub.asked)) == (2, 2)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("Resource not available.", "broker_session_expired"),
        ("Invalid session.", "broker_bad_session"),
        ("Public Key does not exist.", "broker_bad_app_key"),
    ],
)
async def test_a_refused_login(stub: Stub, transport: BreezeTransport, quota: Quota, error: str, code: str) -> None:
    stub.fault("customerdetails", error)
    with pytest.raises(Unauthenticated) as caught:
        await BreezeRest(transport, quota, "a").open_session("key", "secret", "1")
    assert caught.value.code == code


async def test_a_wrong_secret_shows_at_the_first_signed_call_and_later_means_expiry(
    stub: Stub, transport: BreezeTransport, quota: Quota
) -> None:
    rest = BreezeRest(transport, quota, "a")
    stub.ok("customerdetails", DETAILS)
    await rest.open_session("key", "wrong", "1")
    stub.answers["funds"] = (401, json.dumps({"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."}))
    with pytest.raises(Unauthenticated) as caught:
        await rest.verify()
    assert caught.value.code == "broker_bad_secret"
    rest.resume(CREDENTIALS)
    with pytest.raises(Unauthenticated) as caught:
        await rest.funds()
    assert caught.value.code == "broker_session_expired"


async def test_nothing_is_sent_without_a_session(transport: BreezeTransport, quota: Quota, stub: Stub) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await BreezeRest(transport, quota, "a").funds()
    assert caught.value.code == "broker_not_connected"
    assert (stub.asked, quota.taken) == ([], 0)


def bar(at: str, close: object = 1250.0, **more: object) -> dict[str, object]:
    base = {"datetime": at, "stock_code": "RELIND", "exchange_code": "NSE", "open": 1248.2, "high": 1250.9}
    return {**base, "low": 1248.2, "close": close, "volume": 47317, **more}


async def test_history_hides_the_indian_wall_time(stub: Stub, rest: BreezeRest) -> None:
    rows = [bar("2025-02-03 09:21:00"), bar("2025-02-03 09:20:00"), bar("2025-02-03 09:20:00", 1249.0)]
    stub.ok("historicalcharts", [*rows, bar("2025-02-03 09:25:00"), bar("2025-02-03 09:22:00", "nan")])
    page = await rest.historical(
        RELIANCE, "1m", datetime(2025, 2, 3, 3, 50, tzinfo=UTC), datetime(2025, 2, 3, 3, 55, tzinfo=UTC)
    )
    bars = page.candles
    assert (bars.t.tolist(), bars.c.tolist()) == ([1738554600, 1738554660], [1249.0, 1250.0])
    assert (page.refused, page.truncated, bars.oi) == (1, False, None)
    query = parse_qs(urlsplit(stub.asked[-1][1]).query)
    assert query == {
        "interval": ["1minute"],
        "from_date": ["2025-02-03T09:20:00.000Z"],
        "to_date": ["2025-02-03T09:24:59.000Z"],
        "stock_code": ["RELIND"],
        "exch_code": ["NSE"],
        "product_type": ["cash"],
    }


async def test_v1_history_has_texts_for_numbers_and_noon_for_days(stub: Stub, rest: BreezeRest) -> None:
    row = {"open": "201.15", "high": "203.9", "low": "195.5", "close": "197.55", "volume": "304575"}
    stub.ok("historicalcharts", [{"datetime": "2025-02-03 12:00:00", "open_interest": "2435175", **row}])
    option = BrokerInstrument("NFO", "NIFTY", "option", date(2025, 2, 6), Decimal("23200.50"), "CE")
    start, end = datetime(2025, 2, 3, tzinfo=IST), datetime(2025, 2, 4, tzinfo=IST)
    page = await rest.historical_v1(option, "1d", start, end)
    assert page.candles.equals(
        Candles.of([int(start.timestamp())], [201.15], [203.9], [195.5], [197.55], [304575], [2435175])
    )
    assert json.loads(stub.asked[-1][2]) == {
        "interval": "day",
        "from_date": "2025-02-03T00:00:00.000Z",
        "to_date": "2025-02-03T23:59:59.000Z",
        "stock_code": "NIFTY",
        "exchange_code": "NFO",
        "product_type": "options",
        "expiry_date": "2025-02-06T06:00:00.000Z",
        "strike_price": "23200.5",
        "right": "call",
    }


async def test_history_that_fills_an_answer_says_so(stub: Stub, transport: BreezeTransport, quota: Quota) -> None:
    roomy = BreezeTransport(transport.endpoints, TransportRules())
    rest = BreezeRest(roomy, quota, "a")
    rest.resume(CREDENTIALS)
    rows = [bar(f"2025-02-03 {9 + n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}") for n in range(1000)]
    stub.ok("historicalcharts", rows)
    page = await rest.historical(
        RELIANCE, "1s", datetime(2025, 2, 3, 9, tzinfo=IST), datetime(2025, 2, 3, 10, tzinfo=IST)
    )
    assert (len(page.candles), page.truncated) == (1000, True)
    await roomy.aclose()


async def test_no_data_is_an_empty_page_and_an_unknown_code_is_not_found(stub: Stub, rest: BreezeRest) -> None:
    start, end = datetime(2025, 2, 3, tzinfo=IST), datetime(2025, 2, 4, tzinfo=IST)
    stub.ok("historicalcharts", [])
    assert len((await rest.historical(RELIANCE, "1m", start, end)).candles) == 0
    stub.fault("historicalcharts", "Historical Data Fail")
    with pytest.raises(NotFound):
        await rest.historical_v1(RELIANCE, "1m", start, end)
    with pytest.raises(InvalidInput):
        await rest.historical(RELIANCE, "1m", end, start)


async def test_a_quote_and_the_row_of_the_exchange_asked_for(stub: Stub, rest: BreezeRest) -> None:
    stub.ok("quotes", [QUOTE])
    quote = await rest.quotes(BrokerInstrument("NFO", "NIFTY", "future", date(2025, 2, 27)))
    assert (quote.last, quote.at, quote.bid_quantity, quote.spot) == (
        (23832.85, datetime(2025, 2, 5, 9, 36, 56, tzinfo=IST), 1500, 23783.7)
    )
    assert (quote.ask, quote.right, quote.strike, quote.open_interest) == (None,) * 4
    both = [{**QUOTE, "exchange_code": "NSE", "ltp": 1.0}, {**QUOTE, "exchange_code": "BSE", "ltp": 2.0}]
    stub.ok("quotes", both)
    assert (await rest.quotes(BrokerInstrument("BSE", "RELIND", "equity"))).last == 2.0
    assert (await rest.quotes(RELIANCE)).last == 1.0
    stub.fault("quotes", "No Data Found")
    with pytest.raises(NotFound) as caught:
        await rest.quotes(RELIANCE)
    assert caught.value.code == "broker_no_data"


async def test_an_option_chain_is_two_calls_in_order(stub: Stub, rest: BreezeRest, quota: Quota) -> None:
    row = {
        **QUOTE,
        "stock_code": "ICIBAN",
        "right": "Call",
        "ltt": "",
        "ltp": 0.0,
        "open_interest": 50.0,
        "chnge_oi": -3.0,
    }
    stub.ok("optionchain", [{**row, "strike_price": 770.0}, {**row, "strike_price": 760.0}])
    chain = await rest.option_chain("NFO", "ICIBAN", date(2025, 8, 28))
    assert [quote.strike for quote in chain] == [Decimal("760.0")] * 2 + [Decimal("770.0")] * 2
    assert (chain[0].last, chain[0].at, chain[0].open_interest, chain[0].open_interest_change) == (None, None, 50, -3)
    assert [json.loads(asked[2])["right"] for asked in stub.asked] == ["call", "put"]
    assert quota.taken == 2
    stub.fault("optionchain", "No Data Found", status=200)
    assert await rest.option_chain("NFO", "ICIBAN", date(2020, 8, 28), "CE") == []


async def test_holdings_and_positions(stub: Stub, rest: BreezeRest) -> None:
    stub.ok(
        "dematholdings",
        [
            {
                "stock_code": "UNITEC",
                "stock_ISIN": "INE694A01020",
                "quantity": "1",
                "demat_avail_quantity": "0",
                "blocked_quantity": "0",
            }
        ],
    )
    stub.ok(
        "portfolioholdings",
        [
            {
                "stock_code": "UNITEC",
                "average_price": "12.50",
                "current_market_price": "13",
                "realized_profit": "-349.26",
            }
        ],
    )
    (holding,) = await rest.holdings()
    assert (holding.isin, holding.quantity, holding.average_price, holding.realized_profit) == (
        ("INE694A01020", 1, Decimal("12.50"), Decimal("-349.26"))
    )
    stub.fault("portfolioholdings", "No Data Found")
    (holding,) = await rest.holdings()
    assert holding.average_price is None
    stub.ok(
        "portfoliopositions",
        [
            {
                "segment": "fno",
                "product_type": "Options",
                "exchange_code": "NFO",
                "stock_code": "NIFTY",
                "expiry_date": "27-Feb-2025",
                "strike_price": "24800",
                "right": "Call",
                "action": "NA",
                "quantity": "0",
                "average_price": "0",
                "ltp": "29.95",
                "pnl": None,
                "underlying": "NIFTY",
            }
        ],
    )
    (position,) = await rest.positions()
    assert (position.strike, position.right, position.last_price, position.profit) == (
        (Decimal(24800), "CE", Decimal("29.95"), None)
    )


async def test_a_limit_error_cools_the_account_down_for_everyone(stub: Stub, rest: BreezeRest, quota: Quota) -> None:
    stub.answers["funds"] = (401, json.dumps({"Status": 5, "Error": "Limit exceed: API call per day: "}))
    with pytest.raises(RateLimited) as caught:
        await rest.funds()
    assert (caught.value.code, caught.value.retry_after) == ("broker_day_limit", 77)
    assert quota.cooled == [("account", "broker_day_limit")]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>maintenance</html>", UpstreamUnavailable),
        (404, "", UpstreamUnavailable),
        (200, '{"Success":{"bank', UpstreamFault),
        (200, '{"Success":{"total_bank_balance":NaN},"Status":200,"Error":null}', UpstreamFault),
        (200, '{"Success":[1,2],"Status":200,"Error":null}', UpstreamFault),
        (200, '{"Success":null,"Status":200,"Error":null}', UpstreamFault),
        (200, "[" * 40_000, UpstreamFault),
        (200, '"' + "x" * 60_000 + '"', UpstreamFault),
        (302, "", UpstreamUnavailable),
    ],
)
async def test_nonsense_becomes_our_errors(
    stub: Stub, rest: BreezeRest, status: int, body: str, kind: type[BreezewayError]
) -> None:
    stub.answers["funds"] = (status, body)
    with pytest.raises(kind):
        await rest.funds()


async def test_a_slow_broker_is_left(stub: Stub, rest: BreezeRest) -> None:
    stub.ok("funds", {})
    stub.delay = 1.5
    with pytest.raises(UpstreamTimeout):
        await rest.funds()


async def test_a_broker_that_drips_is_left_too(stub: Stub, quota: Quota) -> None:
    rules = TransportRules(read_timeout=1, total_timeout=0.3)
    transport = BreezeTransport(BreezeEndpoints.single_origin(stub.origin), rules)
    rest = BreezeRest(transport, quota, "a")
    rest.resume(CREDENTIALS)
    stub.ok("funds", {"bank_account": "1" * 100})
    stub.piece, stub.drip = 5, 0.05
    with pytest.raises(UpstreamTimeout):
        await rest.funds()
    await transport.aclose()


async def test_a_broker_that_is_not_there_is_unavailable(quota: Quota) -> None:
    transport = BreezeTransport(BreezeEndpoints.single_origin("http://127.0.0.1:1"))
    rest = BreezeRest(transport, quota, "a")
    rest.resume(CREDENTIALS)
    with pytest.raises(UpstreamUnavailable):
        await rest.funds()
    with pytest.raises(UpstreamUnavailable):
        await transport.download_master()
    await transport.aclose()


async def test_a_crowd_is_refused_instead_of_queued_without_end(stub: Stub, quota: Quota) -> None:
    transport = BreezeTransport(BreezeEndpoints.single_origin(stub.origin), TransportRules(threads=2, queue=2))
    rest = BreezeRest(transport, quota, "a")
    rest.resume(CREDENTIALS)
    stub.ok("funds", {"total_bank_balance": 1})
    await rest.funds()
    stub.delay = 0.1
    outcomes = await asyncio.gather(*(rest.funds() for _ in range(10)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, UpstreamUnavailable)]
    assert {error.code for error in refused} == {"broker_busy"}
    assert len(refused) == 6
    await transport.aclose()


async def test_two_brokers_in_one_process_do_not_mix(stub: Stub, rest: BreezeRest, quota: Quota) -> None:
    other = Stub()
    thread = threading.Thread(target=other.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    transport = BreezeTransport(BreezeEndpoints.single_origin(other.origin))
    elsewhere = BreezeRest(transport, quota, "b")
    elsewhere.resume(BreezeCredentials("other", "s", "U", "1"))
    stub.ok("funds", {"total_bank_balance": 1})
    other.ok("funds", {"total_bank_balance": 2})
    try:
        here, there = await asyncio.gather(
            asyncio.gather(*(rest.funds() for _ in range(10))), asyncio.gather(*(elsewhere.funds() for _ in range(10)))
        )
    finally:
        await transport.aclose()
        other.server.shutdown()
        thread.join()
        other.server.server_close()
    assert {funds.total_bank_balance for funds in here} == {Decimal(1)}
    assert {funds.total_bank_balance for funds in there} == {Decimal(2)}
    assert {asked[3]["X-AppKey"] for asked in other.asked} == {"other"}


async def test_the_master_is_downloaded_as_it_is(stub: Stub, transport: BreezeTransport) -> None:
    stub.answers["SecurityMaster.zip"] = (200, "PK")
    assert await transport.download_master() == b"PK"
    stub.answers["SecurityMaster.zip"] = (503, "down")
    with pytest.raises(UpstreamUnavailable):
        await transport.download_master()


def test_credentials_keep_their_secrets_out_of_repr() -> None:
    assert "secret" not in repr(CREDENTIALS)
    assert "4242" not in repr(CREDENTIALS)
