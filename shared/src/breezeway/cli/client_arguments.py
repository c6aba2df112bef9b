"""The commands that talk to a gateway: their arguments and help.

What they do is loaded when one of them is run, so that `breezeway run` stays light.
"""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

EXIT_CODES = """exit codes:
  0    done
  1    refused or failed; stderr says why
  2    wrong arguments
  3    not signed in, or not allowed
  4    no such instrument, backfill, ...
  5    try again later: unreachable, too many requests, time-out
  130  interrupted

environment:
  BREEZEWAY_URL      the gateway; else the one signed in to last, else http://127.0.0.1:8000
  BREEZEWAY_API_KEY  used instead of what `breezeway login` stored
  BREEZEWAY_CONFIG   folder of the stored sign-in; else ~/.config/breezeway
"""

_WHEN = "RFC 3339, YYYY-MM-DD (midnight in India) or epoch seconds"


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds every command of the client."""
    login = _command(
        commands,
        "login",
        "sign in and stay signed in",
        """Asks for e-mail, password and, where the account has one, the authenticator's code, or for an API key.
Secrets are never taken from the command line: they are asked for, or read from standard input, one a line, when
that is no terminal.""",
        "breezeway login",
        "breezeway login --api-key --url https://data.example.com",
        "printf '%s\\n' \"$KEY\" | breezeway login --api-key",
    )
    login.add_argument("--api-key", action="store_true", help="store an API key instead of signing in with a password")
    login.add_argument("--email", help="asked for when omitted")
    _command(commands, "logout", "sign out and forget the credentials", "", "breezeway logout")
    _command(commands, "whoami", "say who is signed in, and where", "", "breezeway whoami --json")
    _candle_commands(commands)
    _backfill_commands(commands)
    _instrument_commands(commands)

    stream = _command(
        commands,
        "stream",
        "print live messages until Ctrl-C",
        """Channels: tick:SYMBOL, depth:SYMBOL, candle:INTERVAL:SYMBOL, orders, notifications, backfills, feed.
It connects again by itself, and prints a gap where messages may be missing. With --json every line is a message.""",
        "breezeway stream tick:NSE:RELIANCE tick:NSE_INDEX:NIFTY",
        "breezeway stream candle:1m:NSE:INFY orders --json | jq .",
    )
    stream.add_argument("channels", nargs="+", metavar="CHANNEL")
    stream.add_argument("-n", "--count", type=_positive, help="stop after so many messages")
    _command(commands, "feed", "state of the live feed", "", "breezeway feed")


def _candle_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    candles = _command(
        commands,
        "candles",
        "get candles: as a file, a table, CSV or JSON",
        """Without -o they are printed: as a table on a terminal (the last 50), as CSV into a pipe, as JSON with --json.
Without --from the newest ones are meant.""",
        "breezeway candles NSE:RELIANCE -i 15m --from 2026-01-01 -o reliance.parquet",
        "breezeway candles NFO:NIFTY26NOV26FUT -i 1m --from 2026-11-20 --to 2026-11-21 --indicators sma:20,rsi:14",
    )
    _symbol(candles)
    _range(candles)
    candles.add_argument(
        "-i", "--interval", default="1m", help="1s 5s 1m 3m 5m 10m 15m 30m 1h 2h 4h 1d 1w 1M (default 1m)"
    )
    candles.add_argument("-n", "--limit", type=_positive, help="at most so many")
    candles.add_argument("--indicators", default="", help="such as sma:20,rsi:14; `breezeway indicators` lists them")
    candles.add_argument("--live", action="store_true", help="with the newest bars of the feed, the forming one too")
    candles.add_argument("-o", "--output", help="file: .parquet .arrow .csv .json")
    candles.add_argument(
        "--format", choices=("parquet", "arrow", "csv", "json"), help="when the file's ending does not say"
    )

    coverage = _command(
        commands,
        "coverage",
        "say which days are stored, and why others are not",
        "",
        "breezeway coverage NSE:RELIANCE --from 2026-11-01",
    )
    _symbol(coverage)
    _range(coverage)
    coverage.add_argument("-i", "--interval", default="1m", help="1s, 1m or 1d (default 1m)")

    indicators = _command(
        commands,
        "indicators",
        "list the indicators, or compute some",
        "",
        "breezeway indicators",
        "breezeway indicators NSE:RELIANCE sma:20 bbands:20:2 -i 15m --from 2026-11-01",
    )
    indicators.add_argument("symbol", nargs="?", metavar="SYMBOL")
    indicators.add_argument("names", nargs="*", metavar="INDICATOR")
    _range(indicators)
    indicators.add_argument("-i", "--interval", default="1d", help="(default 1d)")
    indicators.add_argument("-n", "--limit", type=_positive, help="at most so many")

    quotes = _command(commands, "quotes", "newest quotes", "", "breezeway quotes NSE:RELIANCE NSE:INFY")
    quotes.add_argument("symbols", nargs="+", metavar="SYMBOL")


def _backfill_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    backfill = _command(
        commands,
        "backfill",
        "fetch history from the broker",
        "Only what is lacking is asked of the broker. It goes on in the background; --wait stays until it has ended.",
        "breezeway backfill NSE:RELIANCE NSE:INFY --from 2026-01-01 --wait",
        "breezeway backfill NSE_INDEX:NIFTY -i 1d --from 2016-01-01",
    )
    backfill.add_argument("symbols", nargs="+", metavar="SYMBOL")
    backfill.add_argument("--from", dest="start", required=True, metavar="WHEN", help=f"inclusive: {_WHEN}")
    backfill.add_argument("--to", dest="end", metavar="WHEN", help="exclusive; now when omitted")
    backfill.add_argument("-i", "--interval", default="1m", help="1s, 1m or 1d (default 1m)")
    backfill.add_argument("--wait", action="store_true", help="until it has ended; exit code 1 when it failed")
    backfills = _command(
        commands,
        "backfills",
        "list backfills, or act on one",
        "",
        "breezeway backfills",
        "breezeway backfills pause 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    )
    backfills.add_argument("action", nargs="?", choices=("show", "wait", "pause", "resume", "cancel", "retry"))
    backfills.add_argument("id", nargs="?", metavar="ID")


def _instrument_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    instruments = _command(
        commands,
        "instruments",
        "find instruments",
        "search TEXT, show SYMBOL (with its aliases), or expiries UNDERLYING.",
        'breezeway instruments search "reliance fut"',
        "breezeway instruments show NSE:RELIND",
        "breezeway instruments expiries NIFTY",
    )
    instruments.add_argument("action", choices=("search", "show", "expiries"))
    instruments.add_argument("text", nargs="+", metavar="TEXT")
    instruments.add_argument("--exchange")
    instruments.add_argument("--type", choices=("equity", "index", "future", "option"))
    instruments.add_argument("-n", "--limit", type=_positive, default=20)
    chain = _command(
        commands,
        "chain",
        "option chain with prices and Greeks",
        "",
        "breezeway chain NFO:NIFTY",
        "breezeway chain NFO:NIFTY --expiry 2026-11-24 --strikes 10",
    )
    chain.add_argument("underlying", metavar="UNDERLYING", help="such as NFO:NIFTY or BFO:SENSEX")
    chain.add_argument("--expiry", metavar="YYYY-MM-DD", help="the nearest when omitted")
    chain.add_argument("--strikes", type=_positive, default=20, help="around the money (default 20)")


def _command(
    commands: "argparse._SubParsersAction[Any]", name: str, summary: str, more: str, *examples: str
) -> argparse.ArgumentParser:
    shown: Sequence[str] = ["examples:", *(f"  {example}" for example in examples), "", EXIT_CODES]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary}\n\n{more}".strip(),
        epilog="\n".join(shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="the gateway")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_run, client_command=name)
    return parser


def _run(options: argparse.Namespace) -> int:
    # By name: a static import would make the supervisor depend on HTTP and tables, which it never needs.
    return int(importlib.import_module("breezeway.cli.client_commands").run(options))


def _symbol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("symbol", metavar="SYMBOL", help="NSE:RELIANCE, or any alias")


def _range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", metavar="WHEN", help=f"inclusive: {_WHEN}")
    parser.add_argument("--to", dest="end", metavar="WHEN", help="exclusive; now when omitted")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)
