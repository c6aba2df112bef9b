"""What the client's commands do. Their arguments are in `client_arguments`."""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from breezeway.cli.client_messages import message_fields, message_line
from breezeway.cli.client_output import Out, csv_lines
from breezeway.cli.credentials_file import CredentialsFile, TokensOf, default_folder
from breezeway.client.asynchronous import BACKFILL_ENDS, Breezeway
from breezeway.client.session import DEFAULT_URL
from breezeway.client.transport import checked_url
from breezeway.clock import IST
from breezeway.errors import (
    BreezewayError,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Retryable,
    Unauthenticated,
)

if TYPE_CHECKING:
    from breezeway.client.candles import Candles
    from breezeway.client.models import Backfill, User

_INTERRUPTED: Final = 130
_CODES: Final[tuple[tuple[type[BreezewayError], int], ...]] = (
    (Unauthenticated, 3),
    (Forbidden, 3),
    (NotFound, 4),
    (Retryable, 5),
)
_SIGN_IN: Final = "Sign in with: breezeway login"


def run(options: argparse.Namespace) -> int:
    """One command; its exit code."""
    out = Out(as_json=options.json)
    try:
        return asyncio.run(_run(options, out))
    except BreezewayError as error:
        out.note(f"breezeway: {_advice(error)}")
        return next((code for kind, code in _CODES if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough (`| head`). Python would complain again while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        out.note(f"breezeway: {error.filename or 'a file'}: {error.strerror}")
        return 1


async def _run(options: argparse.Namespace, out: Out) -> int:
    file = CredentialsFile(default_folder(os.environ))
    url = checked_url(options.url or os.environ.get("BREEZEWAY_URL") or file.default_url or DEFAULT_URL)
    name = str(options.client_command)
    if name == "login":
        return await _login(options, out, file, url)
    if name == "logout":
        return await _logout(out, file, url)
    key = os.environ.get("BREEZEWAY_API_KEY") or file.api_key(url)
    if not key and file.tokens(url) is None:
        raise Unauthenticated(f"Nobody is signed in at {url}.", code="signed_out")
    async with Breezeway(url, api_key=key, store=None if key else TokensOf(file, url)) as client:
        return await _COMMANDS[name](client, options, out) or 0


def _advice(error: BreezewayError) -> str:
    """What happened, and what to do next."""
    text = error.detail
    for fault in error.faults:
        if fault.message not in text:
            text += f"\n  {fault.field}: {fault.message}"
    if error.code == "instrument_not_found":
        # The API's advice is a path; here it is a command.
        text = text.partition(" Search for it")[0] + " Search for it: breezeway instruments search TEXT"
    request = error.context.get("request_id")
    if isinstance(error, Unauthenticated):
        return f"{text} {_SIGN_IN}"
    if isinstance(error, Retryable) and error.retry_after:
        text += f" Try again in {error.retry_after:.0f} s."
    if isinstance(error, OutcomeUnknown):
        text += " Look before you repeat it."
    return f"{text} (request {request})" if request and error.status >= 500 else text


async def _login(options: argparse.Namespace, out: Out, file: CredentialsFile, url: str) -> int:
    if url.startswith("http://") and urlsplit(url).hostname not in {"127.0.0.1", "::1", "localhost"}:
        out.note(f"The connection to {url} is not encrypted: others on the way can read what you enter now.")
    if options.api_key:
        key = await _secret("API key: ")
        async with Breezeway(url, api_key=key) as client:
            user = await client.me()
        file.keep_key(url, key)
    else:
        email = options.email or await _asked("E-mail: ")
        password = await _secret("Password: ")
        store = TokensOf(file, url)
        # Signed in to nothing yet; the store keeps it from taking an API key of the environment.
        async with Breezeway(url, store=store) as client:
            try:
                user = await _signed_in(client, email, password)
            except Unauthenticated as error:
                # The advice to sign in would be none: that is what has just failed.
                raise InvalidInput(error.detail, code=error.code) from error
    out.note(f"Signed in at {url} as {user.email}. Stored in {file.path}")
    return 0


async def _signed_in(client: Breezeway, email: str, password: str) -> "User":
    try:
        return await client.login(email, password)
    except Unauthenticated as error:
        if error.code != "otp_required":
            raise
    return await client.login(email, password, await _secret("Code of your authenticator: "))


async def _logout(out: Out, file: CredentialsFile, url: str) -> int:
    tokens = file.tokens(url)
    key = file.api_key(url)
    if not file.forget(url):
        out.note(f"Nobody is signed in at {url}.")
        return 0
    if tokens is not None and tokens.refresh is not None:
        try:
            async with Breezeway(url, refresh_token=tokens.refresh) as client:
                await client.logout()
        except Retryable as error:
            out.note(f"Forgotten here, but the server was not told: {error.detail}")
            return 0
    out.note(f"Signed out at {url}." + (" The API key still works; delete it at the server to end it." if key else ""))
    return 0


async def _asked(prompt: str) -> str:
    if sys.stdin.isatty():
        return (await asyncio.to_thread(input, prompt)).strip()
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


async def _secret(prompt: str) -> str:
    text: str = (await asyncio.to_thread(getpass.getpass, prompt)) if sys.stdin.isatty() else await _asked(prompt)
    if not text.strip():
        raise InvalidInput("Nothing was entered.", code="nothing_entered")
    return text.strip()


async def _whoami(client: Breezeway, _options: argparse.Namespace, out: Out) -> None:
    user = await client.me()
    out.record({"server": client.url, "email": user.email, "name": user.full_name, "role": user.role})


async def _candles(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    if options.output:
        _check_target(options.output, options.format)
    with _PagesBar(out, options.start is not None) as bar:
        found = await client.candles(
            options.symbol,
            options.interval,
            options.start,
            options.end,
            limit=options.limit,
            indicators=options.indicators,
            live=options.live,
            on_page=bar.page,
        )
    if options.output:
        path = await asyncio.to_thread(found.write, options.output, options.format)
        out.note(f"{len(found):,} candles of {found.symbol} ({found.interval}) in {path}")
        if out.as_json:
            out.json({"path": str(path), "candles": len(found), "complete": found.complete})
    else:
        _print_bars(found, out)
    if not found.complete:
        out.note(
            "Some days are not stored whole. See which: breezeway coverage "
            f"{found.symbol}; fetch them: breezeway backfill {found.symbol} --from {options.start or 'WHEN'}"
        )


def _check_target(output: str, form: str | None) -> None:
    """Before anything is fetched."""
    from breezeway.client.candles import FORMATS

    if form is None and output.rpartition(".")[2].lower() not in FORMATS:
        raise InvalidInput(
            f"{output}: name a file that ends in {', '.join(FORMATS)}, or give --format.", code="unsupported_format"
        )


def _print_bars(found: "Candles", out: Out) -> None:
    rows = list(found.rows())
    if not out.as_json and not out.is_terminal:
        for line in csv_lines(rows):
            out.line(line)
        return
    if not out.as_json and found.oi is None:
        rows = [{name: value for name, value in row.items() if name != "oi"} for row in rows]
    out.rows(rows, empty="No candles. Fetch them first: breezeway backfill")


class _PagesBar:
    """A bar while pages arrive, on a terminal."""

    def __init__(self, out: Out, wanted: bool) -> None:
        from rich.progress import Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.completed:,.0f} candles, up to {task.fields[upto]}"),
            TimeElapsedColumn(),
            console=out.notes,
            transient=True,
            disable=not (wanted and out.notes.is_terminal),
        )
        self._task = self._progress.add_task("", total=None, upto="...")

    def __enter__(self) -> "_PagesBar":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def page(self, part: "Candles") -> None:
        if len(part):
            upto = datetime.fromtimestamp(int(part.t[-1]), IST).strftime("%Y-%m-%d")
            self._progress.update(self._task, advance=len(part), upto=upto)


async def _coverage(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    found = await client.coverage(options.symbol, options.interval, options.start, options.end)
    out.rows([day.model_dump() for day in found.days], empty="No days.")


async def _indicators(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    if options.symbol is None:
        rows = []
        for each in await client.indicators():
            usage = ":".join([each.name, *(f"{one.default:g}" for one in each.parameters)])
            names = ", ".join(one.name for one in each.parameters)
            outputs = ", ".join(each.outputs)
            rows.append({"example": usage, "title": each.title, "parameters": names, "outputs": outputs})
        out.rows(rows)
        return
    if not options.names:
        raise InvalidInput("Name at least one indicator, such as sma:20. `breezeway indicators` lists them.")
    found = await client.candles(
        options.symbol,
        options.interval,
        options.start,
        options.end,
        limit=options.limit,
        indicators=options.names,
    )
    wanted = ("time", "close", *found.indicators)
    rows = [{name: row[name] for name in wanted} for row in found.rows()]
    if out.as_json or out.is_terminal:
        out.rows(rows, empty="No candles. Fetch them first: breezeway backfill")
        return
    for line in csv_lines(rows):
        out.line(line)


async def _quotes(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    quotes = await client.quotes(options.symbols)
    shown = ("symbol", "ltp", "change_pct", "bid", "ask", "volume", "open", "high", "low", "prev_close", "age_ms")
    out.rows([quote.model_dump() for quote in quotes], shown)


async def _backfill(client: Breezeway, options: argparse.Namespace, out: Out) -> int:
    begun = await client.start_backfill(options.symbols, options.start, options.end, interval=options.interval)
    if options.wait:
        return _shown(await client.wait_for_backfill(begun.id, progress=out.notes.is_terminal), out)
    out.note(f"Goes on in the background. Watch it: breezeway backfills wait {begun.id}")
    return _shown(begun, out)


async def _backfills(client: Breezeway, options: argparse.Namespace, out: Out) -> int:
    if options.action is None:
        columns = ("id", "symbols", "interval", "state", "chunks_done", "chunks_total", "candles_written")
        found_all = await client.backfills()
        rows = [{**each.model_dump(by_alias=True), "symbols": _few(each.symbols)} for each in found_all]
        if out.as_json:
            out.json(found_all)
        else:
            out.rows(rows, columns, empty="No backfills yet. Begin one: breezeway backfill SYMBOL --from WHEN")
        return 0
    if options.id is None:
        raise InvalidInput("Which one? `breezeway backfills` lists their ids.")
    match options.action:
        case "show":
            found = await client.backfill(options.id)
        case "wait":
            found = await client.wait_for_backfill(options.id, progress=out.notes.is_terminal)
        case "pause":
            found = await client.pause_backfill(options.id)
        case "resume":
            found = await client.resume_backfill(options.id)
        case "cancel":
            found = await client.cancel_backfill(options.id)
        case _:
            found = await client.retry_backfill(options.id)
    return _shown(found, out)


def _few(symbols: Any) -> str:
    names = list(symbols)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shown(found: "Backfill", out: Out) -> int:
    if out.as_json:
        out.json(found)
    else:
        out.record(
            {
                "id": found.id,
                "symbols": _few(found.symbols),
                "interval": found.interval,
                "state": found.state,
                "chunks": f"{found.chunks_done} of {found.chunks_total}",
                "failed": found.chunks_failed,
                "candles": found.candles_written,
                "broker calls": f"{found.calls_used} of about {found.calls_estimated}",
            }
        )
        for error in found.errors:
            out.note(f"{error.symbol} {error.start:%Y-%m-%d}: {error.detail} ({error.code})")
    return 1 if found.state in BACKFILL_ENDS - {"done"} and found.state != "cancelled" else 0


async def _instruments(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    text = " ".join(options.text)
    match options.action:
        case "show":
            found = await client.instrument(text)
            out.record(found.model_dump(mode="json") if out.as_json else found.model_dump(exclude_none=True))
        case "expiries":
            exchange, _, name = text.rpartition(":")
            days = await client.expiries(name, exchange=options.exchange or exchange or None)
            out.rows([{"expiry": day} for day in days], empty="No expiries.")
        case _:
            items = await client.search(text, exchange=options.exchange, type=options.type, limit=options.limit)
            shown = ("symbol", "name", "type", "expiry", "strike", "right", "lot_size", "tick_size", "broker_code")
            out.rows(
                [item.model_dump() for item in items],
                [name for name in shown if any(getattr(item, name) is not None for item in items)] or shown,
                empty=f"No instrument is like {text!r}.",
            )


async def _chain(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    exchange, _, name = options.underlying.rpartition(":")
    # NSE:RELIANCE means the share; its options are listed on the contract exchange, which the server knows.
    listed = exchange if exchange in {"NFO", "BFO"} else None
    chain = await client.option_chain(
        name if listed else options.underlying, expiry=options.expiry, exchange=listed, strikes=options.strikes
    )
    if out.as_json:
        out.json(chain)
        return
    out.note(
        f"{chain.underlying} {chain.expiry}: spot {chain.spot}, forward {chain.forward}, at the money {chain.atm}, "
        f"put/call {chain.pcr}, max pain {chain.max_pain}"
    )
    fields = ("oi", "volume", "iv", "delta", "ltp")
    rows = []
    for each in chain.strikes:
        row: dict[str, Any] = {f"call_{name}": getattr(each.call, name, None) for name in fields}
        row["strike"] = each.strike
        row |= {f"put_{name}": getattr(each.put, name, None) for name in reversed(fields)}
        rows.append(row)
    out.rows(rows, empty="No strikes.")


async def _stream(client: Breezeway, options: argparse.Namespace, out: Out) -> None:
    def on_state(state: str, reason: str) -> None:
        if state == "waiting":
            out.note(f"connection lost: {reason}")

    left = options.count
    async with client.stream(*options.channels, on_state=on_state) as stream:
        async for message in stream:
            if out.as_json:
                out.json_line(message_fields(message))
            else:
                out.line(message_line(message))
            left = left - 1 if left is not None else None
            if left == 0:
                return


async def _feed(client: Breezeway, _options: argparse.Namespace, out: Out) -> None:
    found = await client.feed()
    out.record(found.model_dump(mode="json" if out.as_json else "python", by_alias=True))


_COMMANDS: Final[Mapping[str, Callable[[Breezeway, argparse.Namespace, Out], Awaitable[int | None]]]] = {
    "whoami": _whoami,
    "candles": _candles,
    "coverage": _coverage,
    "indicators": _indicators,
    "quotes": _quotes,
    "backfill": _backfill,
    "backfills": _backfills,
    "instruments": _instruments,
    "chain": _chain,
    "stream": _stream,
    "feed": _feed,
}
