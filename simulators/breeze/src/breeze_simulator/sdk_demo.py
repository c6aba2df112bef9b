"""The unmodified `breeze-connect` against the simulator: `python -m breeze_simulator.sdk_demo [--url …]`.

Calls what a user of the SDK would call, prints a transcript, and exits with 1 when anything is not as the real broker
would have it. Without `--url` it starts a simulator of its own. Nothing of the SDK is patched: its configuration module
is given other addresses before the package is imported.
"""

import argparse
import importlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from breezeway.clock import IST

T = TypeVar("T")
READY_SECONDS = 60.0
FEED_SECONDS = 30.0
PRINT_SECONDS = 90.0
"""How long the option near the money may take to its first trade of the day; a few seconds, as a rule."""
_ASKING_SECONDS = 4.0
"""Between two questions: the broker answers a hundred calls a minute, most of which this demo makes."""
INDEX_ROOM = "4.1!NIFTY 50"
ISO = "%Y-%m-%dT%H:%M:%S.000Z"


@dataclass
class Transcript:
    """What is printed, and how many checks failed."""

    failures: int = 0
    _started: float = field(default_factory=time.perf_counter)

    def section(self, title: str) -> None:
        self._write(f"\n{title}\n{'-' * len(title)}")

    def show(self, call: str, value: object) -> None:
        text = str(value)
        self._write(f"  {call}\n      {text if len(text) <= 220 else text[:217] + '...'}")

    def check(self, claim: str, holds: object) -> None:
        """Print a claim with its outcome; a false one fails the run."""
        self.failures += not holds
        self._write(f"    {'ok  ' if holds else 'FAIL'} {claim}")

    def end(self) -> None:
        verdict = "all as expected" if not self.failures else f"{self.failures} FAILED"
        self._write(f"\n{verdict}, {time.perf_counter() - self._started:.1f} s")

    def _write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Contracts:
    """What the demo asks about: the nearest NIFTY expiries and a strike near the money."""

    day: date
    future: str
    option: str
    strike: str

    def call(self) -> dict[str, str]:
        """The call near the money as REST names it."""
        return {
            "stock_code": "NIFTY",
            "exchange_code": "NFO",
            "expiry_date": self.iso(self.option),
            "right": "call",
            "strike_price": self.strike,
        }

    def iso_day(self) -> str:
        """The exchange's day as REST wants it."""
        return f"{self.day}T00:00:00.000Z"

    def iso(self, expiry: str) -> str:
        """An expiry as REST wants it; the sockets want it as it is."""
        return datetime.strptime(expiry, "%d-%b-%Y").strftime("%Y-%m-%dT06:00:00.000Z")  # noqa: DTZ007 - only a date


class Demo:
    """One run. Every method is a section of the transcript."""

    def __init__(self, url: str, api_key: str, secret: str, out: Transcript) -> None:
        self._out = out
        self._key, self._secret = api_key, secret
        self._control = httpx.Client(base_url=url, timeout=30)
        self._sdk = load_sdk(url)
        self._ticks: list[dict[str, Any]] = []

    def run(self) -> None:
        breeze = self._session()
        contracts = self._quotes(breeze)
        self._history(breeze, contracts)
        self._chain(breeze, contracts)
        self._account(breeze)
        self._orders(breeze, contracts)
        self._feeds(breeze, contracts)
        self._refusals(breeze)
        self._control.close()

    def _session(self) -> Any:
        out = self._out
        out.section("Session")
        breeze = self._sdk.BreezeConnect(api_key=self._key)
        breeze.generate_session(api_secret=self._secret, session_token=self._api_session())
        out.show("generate_session(...)", f"user {breeze.user_id}")
        out.check("a user and a session key came back", breeze.user_id and breeze.session_key)
        sizes = [len(names) for names in breeze.stock_script_dict_list]
        out.show("stock_script_dict_list (BSE, NSE, NDX, MCX, NFO, BFO)", sizes)
        out.check("thousands of shares, tens of thousands of contracts", sizes[1] >= 2_000 and sizes[4] >= 50_000)
        details = breeze.get_customer_details(api_session=self._api_session())
        out.show("get_customer_details(...)", details)
        out.check("details without the session token", "session_token" not in details["Success"])
        names = breeze.get_names(exchange_code="NSE", stock_code="RELIANCE")
        out.show("get_names('NSE', 'RELIANCE')", names)
        out.check("RELIANCE is RELIND", names.get("isec_stock_code") == "RELIND")
        return breeze

    def _quotes(self, breeze: Any) -> Contracts:
        out = self._out
        out.section("Quotes")
        nifty = self._rows("index", breeze.get_quotes(stock_code="NIFTY", exchange_code="NSE", product_type="cash"))
        contracts = choose_contracts(breeze, float(nifty[0]["ltp"]), self._exchange_day())
        share = self._rows("equity", breeze.get_quotes("RELIND", "NSE", "", "cash", "others", "0"))
        out.check("prices are numbers, quantities are text", _types(share[0], ltp=float, best_bid_quantity=str))
        bse = self._rows("BSE", breeze.get_quotes("RELIND", "BSE", "", "cash", "others", "0"))
        out.check("BSE answers two rows, its own second", [r["exchange_code"] for r in bse] == ["NSE", "BSE"])
        future = self._rows(
            "future", breeze.get_quotes("NIFTY", "NFO", contracts.iso(contracts.future), "futures", "others", "0")
        )
        out.check("the future knows its expiry", future[0]["expiry_date"] == contracts.future)
        option = self._rows(
            "option",
            breeze.get_quotes("NIFTY", "NFO", contracts.iso(contracts.option), "options", "call", contracts.strike),
        )
        out.check("the option knows its strike", option[0]["strike_price"] == float(contracts.strike))
        return contracts

    def _history(self, breeze: Any, contracts: Contracts) -> None:
        out = self._out
        out.section("History")
        span = {
            "interval": "1minute",
            "from_date": (datetime.combine(contracts.day, datetime.min.time()) - timedelta(days=7)).strftime(ISO),
            "to_date": datetime.combine(contracts.day, datetime.max.time()).strftime(ISO),
        }
        asked: dict[str, dict[str, str]] = {
            "equity": {"stock_code": "RELIND", "exchange_code": "NSE", "product_type": "cash"},
            "future": {
                "stock_code": "NIFTY",
                "exchange_code": "NFO",
                "product_type": "futures",
                "expiry_date": contracts.iso(contracts.future),
                "right": "others",
                "strike_price": "0",
            },
            "option": {
                "stock_code": "NIFTY",
                "exchange_code": "NFO",
                "product_type": "options",
                "expiry_date": contracts.iso(contracts.option),
                "right": "call",
                "strike_price": contracts.strike,
            },
        }
        for kind, contract in asked.items():
            v1 = self._rows(f"v1 {kind}", breeze.get_historical_data(**span, **contract))
            v2 = self._rows(f"v2 {kind}", breeze.get_historical_data_v2(**span, **contract))
            out.check("v1 has text, v2 has numbers", _types(v1[0], open=str) and _types(v2[0], open=float))
            out.check("v2 answers at most 1,000 candles, ascending", _ascending(v2) and len(v2) <= 1_000)
            times = {row["datetime"]: row for row in v1}
            same = all(float(times[r["datetime"]]["close"]) == r["close"] for r in v2 if r["datetime"] in times)
            out.check("v1 and v2 agree where both have a candle", same)
        daily = breeze.get_historical_data_v2(**(span | {"interval": "1day"}), **asked["equity"])
        self._rows("v2 daily", daily)

    def _chain(self, breeze: Any, contracts: Contracts) -> None:
        out = self._out
        out.section("Option chain")
        answer = breeze.get_option_chain_quotes("NIFTY", "NFO", contracts.iso(contracts.option), "options", "call", "")
        rows = self._rows("NIFTY calls", answer)
        strikes = [row["strike_price"] for row in rows]
        out.check(f"{len(rows)} strikes, ascending", len(rows) >= 20 and strikes == sorted(strikes))
        traded = [row["ltp"] for row in rows if row["ltp"]]
        out.check("calls get cheaper as strikes rise", traded and traded[0] > traded[-1])
        both = breeze.get_option_chain_quotes(
            "NIFTY", "NFO", contracts.iso(contracts.option), "options", "", contracts.strike
        )
        sides = [row["right"] for row in self._rows("one strike", both)]
        out.check("a strike without a right is its call and its put", sides == ["Call", "Put"])

    def _account(self, breeze: Any) -> None:
        out = self._out
        out.section("Account")
        funds = breeze.get_funds()
        out.show("get_funds()", funds)
        out.check("the unallocated balance is text", isinstance(funds["Success"]["unallocated_balance"], str))
        done = breeze.set_funds(transaction_type="credit", amount="1000", segment="Equity")
        out.show("set_funds('credit', '1000', 'Equity')", done)
        moved = breeze.get_funds()["Success"]["allocated_equity"] - funds["Success"]["allocated_equity"]
        out.check("a thousand rupees moved", moved == 1_000)
        for name, call in (
            ("get_demat_holdings()", breeze.get_demat_holdings),
            ("get_portfolio_holdings('NSE')", lambda: breeze.get_portfolio_holdings("NSE", "", "", "", "")),
            ("get_portfolio_positions()", breeze.get_portfolio_positions),
            ("get_margin('NSE')", lambda: breeze.get_margin("NSE")),
        ):
            answer = call()
            out.show(name, answer)
            out.check("not empty", answer["Status"] == 200 and answer["Success"])

    def _feeds(self, breeze: Any, contracts: Contracts) -> None:
        out = self._out
        out.section("Feeds")
        breeze.on_ticks = self._ticks.append
        breeze.ws_connect()
        option = {
            "exchange_code": "NFO",
            "stock_code": "NIFTY",
            "product_type": "options",
            "expiry_date": contracts.option,
            "strike_price": contracts.strike,
            "right": "call",
        }
        share = {"exchange_code": "NSE", "stock_code": "RELIND"}
        out.show("subscribe_feeds(RELIND)", breeze.subscribe_feeds(**share))
        out.show("subscribe_feeds(NIFTY call)", breeze.subscribe_feeds(**option))
        out.show("subscribe_feeds('4.1!NIFTY 50')", breeze.subscribe_feeds(stock_token=INDEX_ROOM))
        out.show("subscribe_feeds(RELIND, '1second')", breeze.subscribe_feeds(**share, interval="1second"))
        out.show("subscribe_feeds(orders)", breeze.subscribe_feeds(get_order_notification=True))
        self._await("a share's quote", lambda t: t.get("exchange") == "NSE Equity" and t.get("ttq"))
        self._await("a share's depth", lambda t: t.get("quotes") == "Market Depth" and _is_share(t))
        self._await("an option's quote with open interest", lambda t: isinstance(t.get("OI"), int))
        self._await("an index", lambda t: t.get("symbol") == INDEX_ROOM)
        self._await("a one-second bar", lambda t: t.get("interval") == "1second")
        terms = {**contracts.call(), "product": "options", "action": "buy", "quantity": self._lot(breeze, contracts)}
        number = self._order("place_order(...)", breeze.place_order(**terms, order_type="market", validity="day"))
        self._await("that the order was taken", lambda t: _tells(t, number, "Ordered"))
        self._await("that it was executed", lambda t: _tells(t, number, "Executed"))
        out.show("unsubscribe_feeds(RELIND)", breeze.unsubscribe_feeds(**share))
        out.show("ws_disconnect()", breeze.ws_disconnect())
        out.check("the simulator has no socket left", self._eventually(self._no_sockets))

    def _orders(self, breeze: Any, contracts: Contracts) -> None:
        out = self._out
        out.section("Orders")
        terms = contracts.call()
        lot = self._lot(breeze, contracts)
        # The SDK turns a market order into a limit near the last price. An option that has not printed today has none
        # (0), and a buy of it becomes a limit of 5 rupees, which rests.
        ltp = self._eventually(lambda: self._last(breeze, terms), every=_ASKING_SECONDS, within=PRINT_SECONDS) or 0.0
        out.check("the option has traded today", ltp)
        low = f"{round(ltp * 0.8 / 0.05) * 0.05:.2f}"
        buy = {**terms, "product": "options", "action": "buy", "quantity": lot, "validity": "day"}
        resting = self._order("place_order(limit)", breeze.place_order(**buy, order_type="limit", price=low))
        row = breeze.get_order_detail("NFO", resting)["Success"][0]
        out.show("get_order_detail(...)", row)
        out.check("it rests as Ordered", row["status"] == "Ordered" and row["price"] == low)
        lower = f"{float(low) - 0.05:.2f}"
        changed = breeze.modify_order(resting, "NFO", "limit", "0", lot, lower, "day", "0", "")
        self._order("modify_order(...)", changed)
        self._order("cancel_order(...)", breeze.cancel_order("NFO", resting))
        bought = self._order("place_order(market)", breeze.place_order(**buy, order_type="market", user_remark="demo"))
        executed = self._eventually(lambda: self._is_executed(breeze, bought), every=_ASKING_SECONDS)
        out.check("it was executed", executed)
        days = (contracts.iso_day(), contracts.iso_day())
        rows = self._rows("orders", breeze.get_order_list("NFO", *days))
        out.check("newest first: bought, cancelled", [r["status"] for r in rows[:2]] == ["Executed", "Cancelled"])
        out.check("the remark came back", rows[0]["user_remark"] == "demo" and rows[0]["order_id"] == bought)
        trades = self._rows("executions", breeze.get_trade_detail("NFO", bought))
        out.check("they add up", sum(int(t["executed_quantity"]) for t in trades) == int(lot))
        self._rows("trades", breeze.get_trade_list(*days, "NFO", "options", "buy", "NIFTY"))
        held = self._rows("positions", breeze.get_portfolio_positions())
        out.check("the position is long", any(r["action"] == "Buy" and r["product_type"] == "Options" for r in held))
        exit_ = {**buy, "action": "sell", "order_type": "market", "price": "0", "stoploss": "0"}
        self._order("square_off(...)", breeze.square_off(**exit_))
        flat = self._rows("positions", breeze.get_portfolio_positions())
        out.check("it is flat again", any(r["action"] == "NA" and r["product_type"] == "Options" for r in flat))
        self._gtt(breeze, contracts, terms, lot, ltp)
        leg = {**terms, "product": "options", "action": "sell", "quantity": lot, "price": str(ltp)}
        margin = breeze.margin_calculator([leg], "NFO")
        out.show("margin_calculator(...)", margin)
        out.check("a short call needs margin", float(margin["Success"]["span_margin_required"]) > 0)
        preview = breeze.preview_order(
            **terms, product="options", order_type="limit", price=str(ltp), action="buy", quantity=lot
        )
        out.show("preview_order(...)", preview)
        out.check("an order costs brokerage", preview["Success"]["brokerage"] > 0)

    def _gtt(self, breeze: Any, contracts: Contracts, terms: dict[str, str], lot: str, ltp: float) -> None:
        legs = [
            {
                "gtt_leg_type": "target",
                "action": "sell",
                "limit_price": f"{ltp * 3:.0f}",
                "trigger_price": f"{ltp * 3:.0f}",
            },
            {"gtt_leg_type": "stoploss", "action": "sell", "limit_price": "0.05", "trigger_price": "0.10"},
        ]
        placed = breeze.gtt_three_leg_place_order(
            **terms,
            product="options",
            quantity=lot,
            gtt_type="oco",
            index_or_stock="index",
            trade_date=contracts.iso_day(),
            order_details=legs,
        )
        number = self._order("gtt_three_leg_place_order(...)", placed, "gtt_order_id")
        (row, *_) = self._rows("GTT orders", breeze.gtt_order_book("NFO", contracts.iso_day(), contracts.iso_day()))
        self._out.check("both legs wait", [leg["status"] for leg in row["order_details"]] == ["Active", "Active"])
        self._order("gtt_three_leg_cancel_order(...)", breeze.gtt_three_leg_cancel_order("NFO", number), "gtt_order_id")

    def _order(self, call: str, answer: dict[str, Any], name: str = "order_id") -> str:
        """The number in a confirmation."""
        self._out.show(call, answer)
        number = str((answer.get("Success") or {}).get(name, ""))
        self._out.check("status 200, no error, a number", answer["Status"] == 200 and not answer["Error"] and number)
        return number

    def _lot(self, breeze: Any, contracts: Contracts) -> str:
        """Units of one lot, by the only contract of which everybody holds one."""
        held = breeze.get_portfolio_positions()["Success"]
        return next(str(r["quantity"]) for r in held if r["expiry_date"] == contracts.future)

    def _refusals(self, breeze: Any) -> None:
        out = self._out
        out.section("Refusals")
        unknown = breeze.get_quotes(stock_code="NOSUCH", exchange_code="NSE", product_type="cash")
        out.show("get_quotes('NOSUCH')", unknown)
        out.check("an unknown code", "contact admin" in unknown["Error"])
        range_ = {"interval": "1minute", "from_date": "2026-01-05T09:15:00.000Z", "to_date": "2026-01-05T10:00:00.000Z"}
        v1 = breeze.get_historical_data(**range_, stock_code="NOSUCH", exchange_code="NSE")
        out.check("v1 history of it fails", v1["Error"] == "Historical Data Fail")
        v2 = breeze.get_historical_data_v2(**range_, stock_code="NOSUCH", exchange_code="NSE", product_type="cash")
        out.check("v2 history of it is empty", v2 == {"Error": None, "Status": 200, "Success": []})
        order = breeze.get_order_list("NSE", range_["from_date"], range_["to_date"])
        out.check("no orders in January", order["Error"] == "No Data Found")
        missing = breeze.cancel_order("NFO", "202601051400000001")
        out.check("an order that is not there", missing["Error"] == "Resource not available.")
        key, breeze.secret_key = breeze.secret_key, "wrong"
        wrong = breeze.get_funds()
        breeze.secret_key = key
        out.show("get_funds() with a wrong secret", wrong)
        out.check("invalid checksum", wrong == {"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."})
        self._refused_login("an expired session", self._key, "12345678", "Session key is expired")
        self._refused_login("a wrong session", self._key, "nonsense", "Please check session key")
        self._refused_login("an unknown app", "no such key", "12345678", "Please check api key")

    def _refused_login(self, what: str, api_key: str, api_session: str, words: str) -> None:
        message = ""
        try:
            self._sdk.BreezeConnect(api_key=api_key).generate_session(api_secret="x", session_token=api_session)  # noqa: S106 - meant to be refused
        except Exception as error:  # noqa: BLE001 - the SDK raises bare Exceptions; the text is what is tested
            message = str(error)
        self._out.show(f"generate_session() with {what}", message)
        self._out.check(f"says: {words}", words in message)

    def _rows(self, what: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
        rows = answer.get("Success") or []
        self._out.show(f"{what}: {len(rows)} row(s)", rows[-1] if rows else answer)
        self._out.check("status 200, no error, rows", answer.get("Status") == 200 and not answer.get("Error") and rows)
        if not rows:
            raise SystemExit(f"no rows for {what}; the rest of the demo needs them")
        return list(rows)

    def _await(self, what: str, matches: Callable[[dict[str, Any]], object]) -> None:
        def first() -> dict[str, Any] | None:
            return next((tick for tick in tuple(self._ticks) if matches(tick)), None)

        found = self._eventually(first)
        self._out.check(f"received {what}", found)
        if found:
            self._out.show("tick", first())

    def _last(self, breeze: Any, terms: dict[str, str]) -> float:
        # An answer without rows is the broker's limit of calls a minute, which passes.
        rows = breeze.get_quotes(**terms, product_type="options").get("Success") or [{}]
        return float(rows[0].get("ltp", 0))

    def _is_executed(self, breeze: Any, order_id: str) -> bool:
        # An answer without rows is the broker's limit of calls a minute, which passes.
        rows = breeze.get_order_detail("NFO", order_id).get("Success") or [{}]
        return bool(rows[0].get("status") == "Executed")

    def _eventually(self, condition: Callable[[], T], every: float = 0.05, within: float = FEED_SECONDS) -> T | None:
        """What `condition` says once it holds; None when it never does."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(every)
        return None

    def _no_sockets(self) -> bool:
        return not any(self._control.get("/_sim/stats").json()["sockets"].values())

    def _api_session(self) -> str:
        answer = self._control.post("/_sim/login", json={"api_key": self._key})
        answer.raise_for_status()
        return str(answer.json()["api_session"])

    def _exchange_day(self) -> date:
        now = datetime.fromisoformat(self._control.get("/_sim/clock").json()["exchange_now"])
        return now.astimezone(IST).date()


def load_sdk(url: str) -> Any:
    """`breeze_connect.breeze_connect`, imported as shipped, with the addresses of its config pointing at `url`.

    Only for this process, which does nothing else: the import writes `logs/` into the working directory, downloads the
    master and leaves a module called `config` behind.
    """
    spec = importlib.util.find_spec("breeze_connect")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("breeze-connect is not installed")
    folder = spec.submodule_search_locations[0]
    sys.path.insert(0, folder)
    config: Any = importlib.import_module("config")
    sys.path.remove(folder)  # its breeze_connect.py would hide the package of that name
    config.API_URL = f"{url}/breezeapi/api/v1/"
    config.BREEZE_NEW_URL = f"{url}/api/v2/"
    config.LIVE_FEEDS_URL = config.LIVE_STREAM_URL = url
    # Another spelling of the same place: the SDK tells its streams apart by comparing these addresses.
    config.LIVE_OHLC_STREAM_URL = f"{url}/"
    config.SECURITY_MASTER_URL = f"{url}/MotherAppMaster/SecurityMaster.zip"
    return importlib.import_module("breeze_connect.breeze_connect")


def choose_contracts(breeze: Any, spot: float, day: date) -> Contracts:
    """The nearest living NIFTY expiries in the SDK's own dictionary, and the strike nearest to the index."""
    futures: set[date] = set()
    options: dict[date, list[str]] = {}
    for name in breeze.stock_script_dict_list[4]:
        parts = name.split("-")
        if len(parts) < 5 or parts[1] != "NIFTY":
            continue
        expiry = datetime.strptime("-".join(parts[2:5]), "%d-%b-%Y").date()  # noqa: DTZ007 - only a date
        if expiry <= day:
            continue
        if parts[0] == "FUT":
            futures.add(expiry)
        elif parts[-1] == "CE":
            options.setdefault(expiry, []).append(parts[5])
    nearest = min(options)
    strike = min(options[nearest], key=lambda text: abs(float(text) - spot))
    return Contracts(day, f"{min(futures):%d-%b-%Y}", f"{nearest:%d-%b-%Y}", strike)


@contextmanager
def own_simulator() -> Iterator[str]:
    """A simulator in a process of its own on a free port, with its log out of the way."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "breeze_simulator.main:create_app"]
    options = ["--host", "127.0.0.1", "--port", str(port)]
    log = Path("simulator.log")
    with log.open("wb") as sink:
        process = subprocess.Popen([*command, *options], stdout=sink, stderr=subprocess.STDOUT)  # noqa: S603 - our own
        url = f"http://127.0.0.1:{port}"
        try:
            await_ready(url, lambda: process.poll() is None)
            yield url
        except SimulatorDiedError:
            sys.stderr.write(log.read_text(errors="replace")[-4_000:])
            raise SystemExit("the simulator did not start") from None
        finally:
            process.terminate()
            process.wait(timeout=20)


class SimulatorDiedError(Exception):
    """The simulator ended, or did not become ready in time."""


def await_ready(url: str, alive: Callable[[], bool]) -> None:
    """Return when `/readyz` says so.

    Raises:
        SimulatorDiedError: it is no longer alive, or time is up.
    """
    deadline = time.monotonic() + READY_SECONDS
    while alive() and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise SimulatorDiedError


def main() -> int:
    """Run the demo; the exit code is 0 when every check held."""
    parser = argparse.ArgumentParser(description="Run the official Breeze SDK against the simulator.")
    parser.add_argument("--url", help="a running simulator; without it one is started")
    parser.add_argument("--api-key", default="sim+key=1")
    parser.add_argument("--secret", default="sim-secret")
    given = parser.parse_args()
    out = Transcript()
    # The SDK writes logs/ wherever it runs.
    with tempfile.TemporaryDirectory(prefix="sdk-demo-", ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        if given.url:
            Demo(given.url.rstrip("/"), given.api_key, given.secret, out).run()
        else:
            with own_simulator() as url:
                Demo(url, given.api_key, given.secret, out).run()
    out.end()
    return 1 if out.failures else 0


def _types(row: dict[str, Any], **expected: type) -> bool:
    return all(type(row[name]) is kind for name, kind in expected.items())


def _ascending(rows: list[dict[str, Any]]) -> bool:
    times = [row["datetime"] for row in rows]
    return times == sorted(set(times))


def _tells(tick: dict[str, Any], number: str, status: str) -> bool:
    return tick.get("orderReference") == number and tick.get("orderStatus") == status


def _is_share(tick: dict[str, Any]) -> bool:
    return str(tick.get("symbol", "")).startswith("4.2!")


if __name__ == "__main__":
    sys.exit(main())
