"""The client for asyncio: one method for each thing that the public API does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID

from breezeway.client.buffer import Policy
from breezeway.client.candles import Candles, arrow_page, arrow_pays, checked_page
from breezeway.client.messages import Place
from breezeway.client.progress import bar_or_not
from breezeway.client.session import Session
from breezeway.client.stream import State, Stream
from breezeway.client.times import Moment, wire
from breezeway.client.wire import Encoding
from breezeway.contracts.stream import GapMessage, TickMessage
from breezeway.errors import InvalidInput, NotFound, UpstreamTimeout

if TYPE_CHECKING:
    from breezeway.client import models

BACKFILL_ENDS: Final = frozenset({"done", "failed", "cancelled"})
_PAGE_OF_CANDLES: Final = 100_000
_POLL_SECONDS: Final = 1.0


class Breezeway(Session):
    """A client of one gateway in one user's name. Use it as an async context manager, or call `close`.

    Without credentials it can only `login` or `register`. Every method raises the errors of `breezeway.errors`:
    `NotFound`, `InvalidInput`, `RateLimited`, `UpstreamUnavailable` and so on, with a stable `code`, a `detail` for
    people, and `context["request_id"]`. Requests are repeated with growing pauses where that cannot do harm.

    Args:
        url: the gateway's origin; BREEZEWAY_URL, then `http://127.0.0.1:8000`, when omitted.
        api_key: `bwk_…`; does not expire with a sign-in. BREEZEWAY_API_KEY when no credentials are given.
        refresh_token: of an earlier sign-in. It is used up: the next one is in `tokens`.
        access_token: valid for minutes; not renewed unless there is a refresh token too.
        store: keeps tokens between processes; without one they are kept nowhere.
        timeout: seconds without a sign of life from the server.
        http: for tests: an httpx transport.
    """

    _streams: Sequence[Stream] = ()
    """Those that may still be open."""

    async def close(self) -> None:
        """End every stream and connection. Stays signed in at the server."""
        for stream in self._streams:
            await stream.close()
        await super().close()

    # Instruments

    async def search(
        self, query: str, *, exchange: str | None = None, type: str | None = None, limit: int = 20
    ) -> "list[models.Instrument]":
        """Instruments by any name, best first: `reliance fut`, `nifty 26000 ce dec`, an ISIN."""
        from breezeway.client.models import Instrument

        params = {"q": query, "exchange": exchange, "type": type, "limit": limit}
        return await self._page("/api/v1/instruments/search", Instrument, params)

    async def instrument(self, symbol: str, *, as_of: date | None = None) -> "models.InstrumentDetail":
        """One instrument by symbol or alias; `as_of` a past day.

        Raises:
            NotFound: `instrument_not_found`.
        """
        from breezeway.client.models import InstrumentDetail

        params = {"as_of": as_of.isoformat() if as_of else None}
        return await self._ask("GET", f"/api/v1/instruments/{_part(symbol)}", InstrumentDetail, params=params)

    async def instruments(
        self,
        *,
        exchange: str | None = None,
        type: str | None = None,
        underlying: str | None = None,
        expiry: date | str | None = None,
        strike_min: float | None = None,
        strike_max: float | None = None,
        right: str | None = None,
        limit: int | None = None,
    ) -> "list[models.Instrument]":
        """All instruments that fit, at most `limit`."""
        from breezeway.client.models import Instrument

        params = {
            "exchange": exchange,
            "type": type,
            "underlying": underlying,
            "expiry": str(expiry) if expiry else None,
            "strike_min": strike_min,
            "strike_max": strike_max,
            "right": right,
        }
        return await self._pages("/api/v1/instruments", Instrument, params, limit)

    async def expiries(self, underlying: str, *, exchange: str | None = None) -> list[date]:
        """Expiry days of an underlying's contracts, near first."""
        answer = await self._json(
            "GET", f"/api/v1/instruments/{_part(underlying)}/expiries", params={"exchange": exchange}
        )
        return [date.fromisoformat(each) for each in answer["items"]]

    async def option_chain(
        self,
        underlying: str,
        *,
        expiry: date | str | None = None,
        exchange: str | None = None,
        strikes: int = 20,
        greeks: bool = True,
    ) -> "models.OptionChain":
        """Calls and puts around the money, with live prices; the nearest expiry unless another is given."""
        from breezeway.client.models import OptionChain

        params = {
            "expiry": str(expiry) if expiry else None,
            "exchange": exchange,
            "strikes": strikes,
            "greeks": "true" if greeks else "false",
        }
        return await self._ask("GET", f"/api/v1/option-chain/{_part(underlying)}", OptionChain, params=params)

    async def download_master(self, path: str | Path) -> Path:
        """Write the whole master as gzipped CSV."""
        answer = await self._transport.send("GET", "/api/v1/instruments.csv.gz")
        return await asyncio.to_thread(_written, Path(path), answer.content)

    # Market data

    async def candles(
        self,
        symbol: str,
        interval: str = "1m",
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        limit: int | None = None,
        indicators: str | Sequence[str] = (),
        live: bool = False,
        on_page: Callable[[Candles], None] | None = None,
    ) -> Candles:
        """Bars that start in [start, end), all pages of them. Without `start`: the newest ones.

        Args:
            limit: how many at most; without it all there are, or 5,000 when there is no `start` either.
            indicators: such as `["sma:20", "bbands:20:2"]`; `indicators()` lists them. Over very many bars (more than
                100,000) those that remember everything (obv) begin anew on each page.
            live: add the newest bars of the feed, the forming one too.
            on_page: told of each page when it has arrived.
        """
        path = f"/api/v1/candles/{_part(symbol)}"
        wanted = ",".join([indicators] if isinstance(indicators, str) else indicators)
        params: dict[str, Any] = {
            "interval": interval,
            "to": wire(end),
            "indicators": wanted or None,
            "live": "true" if live else None,
        }
        pages: list[dict[str, Any]] = []
        since, left = {"from": wire(start)}, limit if limit is not None or start is None else None
        while True:
            size = _PAGE_OF_CANDLES if left is None and start is not None else min(left or 5_000, _PAGE_OF_CANDLES)
            as_arrow = arrow_pays(interval, size)
            asked = {**params, **since, "limit": size, "format": "arrow" if as_arrow else None}
            answer = await self._transport.send("GET", path, params=asked)
            page = arrow_page(answer.content, answer.headers) if as_arrow else checked_page(answer.content)
            pages.append(page)
            if on_page is not None:
                on_page(Candles(page["symbol"], page["interval"], [page]))
            left = left - len(page["t"]) if left is not None else None
            if page["next"] is None or start is None or (left is not None and left <= 0):
                return Candles(page["symbol"], page["interval"], pages)
            since = {"cursor": page["next"]}

    async def coverage(
        self, symbol: str, interval: str = "1m", start: Moment | None = None, end: Moment | None = None
    ) -> "models.Coverage":
        """Day by day what is stored, and why not where nothing is; the last year unless `start` is given."""
        from breezeway.client.models import Coverage

        params = {"interval": interval, "from": wire(start), "to": wire(end)}
        return await self._ask("GET", f"/api/v1/candles/{_part(symbol)}/coverage", Coverage, params=params)

    async def indicators(self) -> "list[models.IndicatorInfo]":
        """The catalogue of indicators."""
        from breezeway.client.models import IndicatorInfo

        return await self._page("/api/v1/indicators", IndicatorInfo, {})

    async def quotes(self, symbols: Sequence[str]) -> "list[models.Quote]":
        """The newest quotes, with their age; of the broker where the feed has none."""
        from breezeway.client.models import Quote

        return await self._page("/api/v1/quotes", Quote, {"symbols": ",".join(symbols)})

    # Backfills

    async def start_backfill(
        self, symbols: str | Sequence[str], start: Moment, end: Moment | None = None, *, interval: str = "1m"
    ) -> "models.Backfill":
        """Fetch history from the broker in the background: what is lacking in [start, end), until now without `end`.

        Args:
            interval: 1s, 1m or 1d; all others are computed from these.
        """
        from breezeway.client.models import Backfill

        body = {
            "symbols": [symbols] if isinstance(symbols, str) else list(symbols),
            "interval": interval,
            "from": wire(start),
            "to": wire(end) or str(int(time.time())),
        }
        return await self._ask("POST", "/api/v1/backfills", Backfill, body=body)

    async def backfills(self, limit: int | None = 50) -> "list[models.Backfill]":
        """The user's backfills, newest first."""
        from breezeway.client.models import Backfill

        return await self._pages("/api/v1/backfills", Backfill, {}, limit)

    async def backfill(self, backfill_id: UUID | str) -> "models.Backfill":
        """One backfill with its progress and errors."""
        from breezeway.client.models import Backfill

        return await self._ask("GET", f"/api/v1/backfills/{backfill_id}", Backfill)

    async def wait_for_backfill(
        self, backfill_id: UUID | str, *, timeout: float | None = None, progress: bool = False
    ) -> "models.Backfill":
        """Return when it is done, failed or cancelled; a paused one is waited for.

        Args:
            timeout: seconds; None waits for ever.
            progress: show a bar of rich on stderr.

        Raises:
            UpstreamTimeout: `backfill_not_done`; it goes on all the same.
        """
        deadline = time.monotonic() + timeout if timeout is not None else None
        with bar_or_not(progress) as bar:
            while True:
                found = await self.backfill(backfill_id)
                bar.show(found)
                if found.state in BACKFILL_ENDS:
                    return found
                if deadline is not None and time.monotonic() > deadline:
                    raise UpstreamTimeout(
                        f"The backfill is still {found.state} after {timeout:.0f} s; it goes on.",
                        code="backfill_not_done",
                    )
                await asyncio.sleep(_POLL_SECONDS)

    async def pause_backfill(self, backfill_id: UUID | str) -> "models.Backfill":
        """Take no further chunk until resumed."""
        return await self._act(backfill_id, "pause")

    async def resume_backfill(self, backfill_id: UUID | str) -> "models.Backfill":
        """Go on after a pause."""
        return await self._act(backfill_id, "resume")

    async def cancel_backfill(self, backfill_id: UUID | str) -> "models.Backfill":
        """Stop for good; what was stored stays."""
        return await self._act(backfill_id, "cancel")

    async def retry_backfill(self, backfill_id: UUID | str) -> "models.Backfill":
        """Try the chunks again that were given up."""
        return await self._act(backfill_id, "retry")

    # Watchlists

    async def watchlists(self) -> "list[models.Watchlist]":
        """All of the user's."""
        from breezeway.client.models import Watchlist

        return await self._page("/api/v1/watchlists", Watchlist, {})

    async def watchlist(self, name_or_id: UUID | str) -> "models.Watchlist":
        """One watchlist, by its id or its name.

        Raises:
            NotFound: `watchlist_not_found`.
        """
        for each in await self.watchlists():
            if str(name_or_id) in (str(each.id), each.name):
                return each
        raise NotFound(f"There is no watchlist {name_or_id}.", code="watchlist_not_found")

    async def create_watchlist(self, name: str, symbols: Sequence[str] = ()) -> "models.Watchlist":
        """A new one; aliases are stored as canonical symbols."""
        from breezeway.client.models import Watchlist

        return await self._ask("POST", "/api/v1/watchlists", Watchlist, body={"name": name, "symbols": list(symbols)})

    async def update_watchlist(
        self, watchlist_id: UUID | str, *, name: str | None = None, symbols: Sequence[str] | None = None
    ) -> "models.Watchlist":
        """Give it another name, other symbols, or both."""
        from breezeway.client.models import Watchlist

        changes = {"name": name, "symbols": list(symbols) if symbols is not None else None}
        body = {field: value for field, value in changes.items() if value is not None}
        return await self._ask("PATCH", f"/api/v1/watchlists/{watchlist_id}", Watchlist, body=body)

    async def delete_watchlist(self, watchlist_id: UUID | str) -> None:
        """For good."""
        await self._transport.send("DELETE", f"/api/v1/watchlists/{watchlist_id}")

    # The broker

    async def broker_accounts(self) -> "list[models.BrokerAccount]":
        """The user's accounts in the vault, without their secrets."""
        from breezeway.client.models import BrokerAccount

        return await self._pages("/api/v1/broker-accounts", BrokerAccount, {}, None)

    async def add_broker_account(
        self, label: str, api_key: str, api_secret: str, *, environment: str = "live", broker: str = "breeze"
    ) -> "models.BrokerAccount":
        """Put the app's key and secret into the vault; nobody can read the secret again."""
        from breezeway.client.models import BrokerAccount

        body = {
            "broker": broker,
            "label": label,
            "api_key": api_key,
            "api_secret": api_secret,
            "environment": environment,
        }
        return await self._ask("POST", "/api/v1/broker-accounts", BrokerAccount, body=body)

    async def remove_broker_account(self, account_id: UUID | str) -> None:
        """Forget the account and its secrets."""
        await self._transport.send("DELETE", f"/api/v1/broker-accounts/{account_id}")

    async def broker_login_url(self, account_id: UUID | str) -> str:
        """Where to log in at the broker with a browser; it comes back connected."""
        answer = await self._json("GET", f"/api/v1/broker-accounts/{account_id}/login-url")
        return str(answer["url"])

    async def connect_broker(self, account_id: UUID | str, api_session: str) -> "models.BrokerSession":
        """Connect with the session key that the broker showed after the login."""
        from breezeway.client.models import BrokerSession

        path = f"/api/v1/broker-accounts/{account_id}/session"
        return await self._ask("POST", path, BrokerSession, body={"api_session": api_session})

    async def broker_session(self, account_id: UUID | str) -> "models.BrokerSession":
        """Whether it is connected, until when, and how many calls are left."""
        from breezeway.client.models import BrokerSession

        return await self._ask("GET", f"/api/v1/broker-accounts/{account_id}/session", BrokerSession)

    async def disconnect_broker(self, account_id: UUID | str) -> None:
        """End the broker session here; the feed stops."""
        await self._transport.send("DELETE", f"/api/v1/broker-accounts/{account_id}/session")

    async def funds(self, account_id: UUID | str) -> "models.Funds":
        """Money, straight from the broker."""
        from breezeway.client.models import Funds

        return await self._ask("GET", f"/api/v1/broker-accounts/{account_id}/funds", Funds)

    async def holdings(self, account_id: UUID | str) -> "list[models.Holding]":
        """Shares held, straight from the broker."""
        from breezeway.client.models import Holding

        return await self._page(f"/api/v1/broker-accounts/{account_id}/holdings", Holding, {})

    async def positions(self, account_id: UUID | str) -> "list[models.Position]":
        """Open positions, straight from the broker."""
        from breezeway.client.models import Position

        return await self._page(f"/api/v1/broker-accounts/{account_id}/positions", Position, {})

    # The system

    async def feed(self) -> "models.FeedStatus":
        """The feed that serves the user's stream."""
        from breezeway.client.models import FeedStatus

        return await self._ask("GET", "/api/v1/feed", FeedStatus)

    async def market_status(self) -> "models.MarketStatus":
        """The exchange's clock and the phase of each segment."""
        from breezeway.client.models import MarketStatus

        return await self._ask("GET", "/api/v1/market/status", MarketStatus)

    # The stream

    def stream(
        self,
        *channels: str,
        since: Mapping[str, Place] | None = None,
        buffer: int = 10_000,
        when_full: Policy = "conflate",
        encoding: Encoding = "json",
        heartbeat: float = 10.0,
        on_state: Callable[[State, str], None] | None = None,
    ) -> Stream:
        """Live messages: `async for message in client.stream("tick:NSE:RELIANCE", "orders"): …`. See `Stream`."""
        made = Stream(
            self._transport.url,
            lambda: self._transport.credentials,
            channels,
            since=since,
            buffer=buffer,
            when_full=when_full,
            encoding=encoding,
            heartbeat=heartbeat,
            on_state=on_state,
        )
        self._streams = [*(each for each in self._streams if each.state != "closed"), made]
        return made

    async def ticks(
        self, *symbols: str, on_gap: Callable[[GapMessage], None] | None = None
    ) -> AsyncIterator[TickMessage]:
        """Only the ticks of some instruments: `async for tick in client.ticks("NSE:RELIANCE"): print(tick.ltp)`.

        Args:
            on_gap: told where ticks may be missing; `seq` shows it too.
        """
        if not symbols:
            raise InvalidInput("Name at least one instrument, such as NSE:RELIANCE.")
        async with self.stream(*(f"tick:{symbol}" for symbol in symbols)) as stream:
            async for message in stream:
                if isinstance(message, TickMessage):
                    yield message
                elif isinstance(message, GapMessage) and on_gap is not None:
                    on_gap(message)

    async def _act(self, backfill_id: UUID | str, action: str) -> "models.Backfill":
        from breezeway.client.models import Backfill

        return await self._ask("POST", f"/api/v1/backfills/{backfill_id}/{action}", Backfill)


def _written(path: Path, content: bytes) -> Path:
    target = path.expanduser()
    target.write_bytes(content)
    return target


def _part(symbol: str) -> str:
    """A symbol as a part of a path."""
    return quote(symbol, safe=":!")
