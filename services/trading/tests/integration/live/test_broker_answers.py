"""The broker's literal answers to an order call: each a code of ours and a sentence for a person, or not an answer."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument
from breezeway.errors import (
    BreezewayError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthenticated,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Order, OrderType, Product, Side, Validity
from breezeway.ids import new_id
from breezeway.redis.sliding_window import Verdict
from trading_service.adapters.breeze.orders import BreezeDesk, BreezeLine
from trading_service.application.live_ports import Route
from trading_service.domain.accounts import AccountKind, TradingAccount

USER = UUID(int=1)
NUMBER = "20250205N300001234"
PAGE = "<html><head><title>Service</title></head><body>We are down for maintenance</body></html>"
BUSY = "<html><body>429 Too Many Requests</body></html>"
CHECKSUM = {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."}
ADMIN = "Error while calling service, Please contact admin"
IP = "Request Denied: The IP address used does not match with the static IP declared when this API key was created"
ROW: dict[str, Any] = {
    "order_id": NUMBER,
    "exchange_code": "NSE",
    "stock_code": "RELIND",
    "product_type": "Cash",
    "action": "Buy",
    "order_type": "Limit",
    "stoploss": "0.00",
    "quantity": "10",
    "price": "1400.00",
    "expiry_date": None,
    "right": None,
    "strike_price": 0.0,
    "average_price": "0",
    "cancelled_quantity": "0",
    "pending_quantity": "10",
    "status": "Ordered",
    "user_remark": "bw1",
    "order_datetime": "20-Nov-2026 12:00",
}


def said(error: str, status: int = 500) -> dict[str, Any]:
    return {"Success": None, "Status": status, "Error": error}


def good(success: Any) -> dict[str, Any]:
    return {"Success": success, "Status": 200, "Error": None}


@dataclass
class Answers:
    """A broker that answers by method what it is told to; `asked` is what it was asked."""

    url: str = ""
    by_method: dict[str, Sequence[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def next(self, method: str) -> tuple[int, bytes]:
        self.asked.append(method)
        given = list(self.by_method.get(method, ()))
        status, body = given[0] if given else (404, PAGE)
        self.by_method[method] = given[1:] or given
        return status, (body if isinstance(body, str) else json.dumps(body)).encode()


@pytest.fixture
def broker() -> Iterator[Answers]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answers.next(self.command)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, *_arguments: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


def listed(**more: Any) -> Instrument:
    return Instrument.model_validate(
        {
            "instrument_id": 1,
            "symbol": "NSE:RELIANCE",
            "exchange": "NSE",
            "segment": "cash",
            "type": "equity",
            "name": "RELIANCE",
            "lot_size": 1,
            "tick_size": "0.05",
            "broker_code": "RELIND",
            "broker_token": "4.1!2885",
            "series": "EQ",
            **more,
        }
    )


@dataclass
class World:
    """Vault, master and limits."""

    instrument: Instrument = field(default_factory=listed)
    owner: UUID = USER
    environment: BrokerEnvironment = BrokerEnvironment.SIMULATOR
    session: str = "session"
    turns: list[bool] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    cooled: list[str] = field(default_factory=list)

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        known = {"api_key": "k", "api_secret": "s", "broker_user_id": "U", "session_key": self.session, "version": 1}
        whose = {"account_id": account_id, "user_id": self.owner, "environment": self.environment}
        return BrokerCredentials.model_validate({**known, **whose, "expires_at": "2999-01-01T00:00:00Z"})

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        self.reports.append(detail)

    async def resolve(self, symbol: str) -> Instrument:
        return self.instrument

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        return None

    async def cool_down(self, account_id: str, code: str) -> float:
        self.cooled.append(code)
        return 60.0

    async def hit(self, who: str) -> Verdict:
        allowed = self.turns.pop(0) if self.turns else True
        return Verdict("", allowed=allowed, left=0, retry_after=0.01)


@pytest.fixture
def world() -> World:
    return World()


@pytest_asyncio.fixture
async def desk(broker: Answers, world: World) -> AsyncIterator[BreezeDesk]:
    transport = BreezeTransport(BreezeEndpoints.single_origin(broker.url), TransportRules(read_timeout=60))
    yield BreezeDesk({BrokerEnvironment.SIMULATOR: transport}, world, world, world, world, wait=0.05)
    await transport.aclose()


@pytest_asyncio.fixture
async def line(desk: BreezeDesk) -> BreezeLine:
    return await desk.line(account())


def account(**more: Any) -> TradingAccount:
    known: dict[str, Any] = {"id": new_id(), "user_id": USER, "name": "Live", "kind": AccountKind.LIVE}
    known |= {"state": AccountState.ACTIVE, "charge_plan": "none", "initial_cash": Decimal(0)}
    at = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
    return TradingAccount(**{**known, "created_at": at, "opened_at": at, "broker_account_id": new_id(), **more})


def order(**more: Any) -> Order:
    known: dict[str, Any] = {"order_id": str(new_id()), "account_id": str(new_id()), "symbol": "NSE:RELIANCE"}
    known |= {"side": Side.BUY, "quantity": 10, "order_type": OrderType.LIMIT, "product": Product.CNC}
    return Order(**{**known, "price": Decimal(1400), **more})


def route(**more: Any) -> Route:
    known: dict[str, Any] = {"order_id": new_id(), "broker_account_id": new_id(), "tag": "bw1", "price": Decimal(1400)}
    return Route(**{**known, "broker_order_id": NUMBER, **more})


REFUSALS: list[tuple[int, Any, type[BreezewayError], str]] = [
    (
        401,
        {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."},
        Unauthenticated,
        "broker_session_expired",
    ),
    (
        200,
        {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."},
        Unauthenticated,
        "broker_session_expired",
    ),
    (200, said("Invalid session."), Unauthenticated, "broker_bad_session"),
    (200, said("Public Key does not exist."), Unauthenticated, "broker_bad_app_key"),
    (200, said(IP), Forbidden, "broker_ip_refused"),
    (403, said(f"{IP}. Kindly use the registered one."), Forbidden, "broker_ip_refused"),
    (
        401,
        {"Status": 5, "Error": "Limit exceed: API call per minute:Try after some time"},
        RateLimited,
        "broker_minute_limit",
    ),
    (401, {"Status": 5, "Error": "Limit exceed: API call per day: "}, RateLimited, "broker_day_limit"),
    (
        401,
        {"Status": 5, "Error": "Limit exceed: API call per second:Try after some time"},
        RateLimited,
        "broker_order_rate",
    ),
    (200, said("Resource not available."), NotFound, "broker_not_found"),
    (200, said("Invalid Market/Limit indicator:"), InvalidInput, "broker_refused_input"),
    (200, said("Insufficient limit to place this order."), InvalidInput, "broker_refused"),
    (200, said("Order price is not within the price range.", 400), InvalidInput, "broker_refused"),
]
NO_ANSWERS: list[tuple[int, Any]] = [
    (200, PAGE),
    (404, PAGE),
    (404, ""),
    (429, BUSY),
    (503, BUSY),
    (200, '{"Success":{"order_id":"2025'),
    (200, said(f"{ADMIN} (T10:55)")),
    (200, said(f"{ADMIN} (T10:56)")),
    (200, said(f"{ADMIN} (T2:154)")),
    (200, said(f"{ADMIN} (T2:155)")),
    (200, said(f"{ADMIN} (T2:176)")),
    (503, said("Something")),
    (200, good(None)),
    (200, {"Success": "", "Status": 200, "Error": ""}),
    (200, good({"message": "Successfully Placed the order"})),
    (200, []),
]
CALLS: dict[str, tuple[str, Callable[[BreezeLine], Any]]] = {
    "place": ("POST", lambda line: line.place(order(), route())),
    "modify": ("PUT", lambda line: line.modify(order(), route())),
    "cancel": ("DELETE", lambda line: line.cancel(order(), route())),
    "square_off": ("POST", lambda line: line.place(order(), route(square_off=True))),
}


@pytest.mark.parametrize("call", CALLS)
async def test_each_clear_no_has_a_code_and_a_sentence(
    broker: Answers, line: BreezeLine, world: World, call: str
) -> None:
    """BREEZE.md section 4: the broker's literal refusals of placing, changing, cancelling and squaring off."""
    method, ask = CALLS[call]
    for http, body, kind, code in REFUSALS:
        broker.by_method = {"GET": [(200, good([ROW]))], method: [(http, body)]}
        broker.asked.clear()
        with pytest.raises(BreezewayError) as refused:
            await ask(line)
        error = refused.value
        assert (type(error), error.code) == (kind, code), body
        assert error.detail.endswith("."), body
        assert error.detail[:1].isupper(), body
        assert error.context["broker_message"] == body["Error"].strip()
        assert broker.asked.count(method) == 1, "a refused call was repeated"
    # The broker's own seconds are no reason to stop reading for minutes.
    assert world.cooled == ["broker_minute_limit", "broker_day_limit"]


@pytest.mark.parametrize("call", CALLS)
async def test_what_is_no_clear_answer_is_unknown(broker: Answers, line: BreezeLine, call: str) -> None:
    """A page of HTML, half an envelope, the back end behind the broker's door: it may have taken effect."""
    method, ask = CALLS[call]
    for http, body in NO_ANSWERS:
        broker.by_method = {"GET": [(200, good([ROW]))], method: [(http, body)]}
        broker.asked.clear()
        with pytest.raises(OutcomeUnknown) as unknown:
            await ask(line)
        assert unknown.value.code == "broker_outcome_unknown", body
        assert broker.asked.count(method) == 1, "an unanswered call was repeated"


async def test_a_session_that_ends_between_the_look_and_the_change(broker: Answers, line: BreezeLine) -> None:
    """The SDK looks at an order before it changes it; what is refused then was never asked for."""
    broker.by_method = {"GET": [(401, CHECKSUM)]}
    with pytest.raises(BreezewayError) as refused:
        await line.modify(order(), route())
    assert not isinstance(refused.value, OutcomeUnknown)
    assert broker.asked == ["GET"]


async def test_a_clear_yes(broker: Answers, line: BreezeLine) -> None:
    yes = (200, good({"order_id": NUMBER, "message": "done"}))
    broker.by_method = {"GET": [(200, good([ROW]))], "POST": [yes], "PUT": [yes], "DELETE": [yes]}
    stop = order(order_type=OrderType.SL, trigger_price=Decimal(1390), validity=Validity.IOC, side=Side.SELL)
    assert await line.place(order(), route()) == NUMBER
    assert await line.place(stop, route()) == NUMBER
    await line.modify(order(order_type=OrderType.MARKET, price=None), route())
    await line.cancel(order(), route())
    assert broker.asked == ["POST", "POST", "GET", "PUT", "DELETE"]


async def test_the_book_names_what_is_ours(broker: Answers, line: BreezeLine, world: World) -> None:
    """Rows of an order's own instrument name its symbol; what a row does not say, its trades do."""
    other = ROW | {"order_id": "OTHER", "stock_code": "TCS"}
    partly = ROW | {"order_id": "PART", "status": "Partially Executed", "pending_quantity": "10"}
    trades = [{"executed_quantity": "4", "execution_price": "1399.50"}]
    broker.by_method = {"GET": [(200, good([ROW, other, partly])), (200, good(trades))]}
    rows = await line.book(order(), datetime(2026, 11, 20, 6, 30, tzinfo=UTC))
    assert [(row.word.broker_order_id, row.symbol, row.word.executed) for row in rows] == [
        (NUMBER, "NSE:RELIANCE", 0),
        ("OTHER", None, 0),
        ("PART", "NSE:RELIANCE", 4),
    ]
    broker.by_method = {"GET": [(200, good([ROW]))]}
    found = await line.look(order(), NUMBER)
    assert found is not None
    assert (found.status, found.price, found.read) == ("ordered", Decimal("1400.00"), True)
    broker.by_method = {"GET": [(200, said("Resource not available."))]}
    assert await line.look(order(), NUMBER) is None
    # An option: the row's own expiry, strike and right decide.
    call = {"expiry_date": "24-Nov-2026", "strike_price": 26000.0, "right": "Call", "stock_code": "NIFTY"}
    row = ROW | call | {"exchange_code": "NFO", "product_type": "Options"}
    put = row | {"order_id": "PUT", "right": "Put"}
    more = {"symbol": "NFO:X", "exchange": "NFO", "segment": "derivatives", "type": "option", "series": None}
    terms = {"underlying": "NIFTY", "expiry": date(2026, 11, 24), "strike": "26000", "right": "call"}
    world.instrument = listed(**more, **terms, broker_code="NIFTY")
    broker.by_method = {"GET": [(200, good([row, put]))]}
    rows = await line.book(order(symbol="NFO:X"), datetime(2026, 11, 20, 6, 30, tzinfo=UTC))
    assert [row.symbol for row in rows] == ["NFO:X", None]


async def test_turns_are_waited_for_and_no_longer_than_that(line: BreezeLine, world: World) -> None:
    """The exchange's ten changes a second, whoever sends them."""
    world.turns = [False, True]
    await line.reserve("place")
    world.turns = [False] * 1000
    with pytest.raises(RateLimited) as refused:
        await line.reserve("cancel")
    assert (refused.value.code, refused.value.retry_after) == ("broker_order_rate", 1.0)


async def test_whose_line_it_is(desk: BreezeDesk, world: World) -> None:
    """Somebody else's broker account, none at all, and a broker that is not enabled get no line."""
    with pytest.raises(Conflict, match="no broker account"):
        await desk.line(account(broker_account_id=None))
    world.owner = new_id()
    with pytest.raises(Forbidden) as foreign:
        await desk.line(account())
    world.owner, world.environment = USER, BrokerEnvironment.LIVE
    with pytest.raises(Forbidden) as disabled:
        await desk.line(account())
    assert (foreign.value.code, disabled.value.code) == ("broker_account_not_found", "live_trading_disabled")


async def test_what_cannot_be_asked_is_not_sent(broker: Answers, line: BreezeLine, world: World) -> None:
    """An order without a number, and an index, which nobody can trade."""
    with pytest.raises(Conflict) as unnamed:
        await line.cancel(order(), route(broker_order_id=None))
    world.instrument = listed(type="index", series=None)
    with pytest.raises(InvalidInput) as index:
        await line.place(order(), route())
    assert (unnamed.value.code, index.value.code) == ("order_not_working", "not_tradable")
    assert broker.asked == []


async def test_a_session_that_is_refused_is_reported(line: BreezeLine, world: World) -> None:
    await line.refused("The session has ended.")
    assert world.reports == ["The session has ended."]


async def test_clients_of_old_sessions_are_forgotten(desk: BreezeDesk, world: World) -> None:
    """A session's client is used again; of 300 sessions the newest 256 have one."""
    mine = account()
    first = desk._client(await world.credentials(UUID(int=5)), desk._transports[BrokerEnvironment.SIMULATOR])
    assert desk._client(await world.credentials(UUID(int=5)), desk._transports[BrokerEnvironment.SIMULATOR]) is first
    for number in range(300):
        world.session = f"session-{number}"
        await desk.line(mine)
    assert len(desk._clients) == 256
