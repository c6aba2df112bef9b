"""L-12: whatever users, markets and crashes do, in whatever order, the books balance after every step.

Each of four tests runs 125 sequences, so that test processes can share them; `make soak` runs 100,000 steps. A failing
sequence is printed as a program that repeats it.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from breezeway.clock import SystemClock
from breezeway.errors import BreezewayError
from breezeway.exchange.orders import Amendment
from breezeway.ids import new_id
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.application.banking import Banking, Limits, TransferRequest
from trading_service.application.recording import Decision
from trading_service.domain.banking import Direction

PARTS, SEQUENCES, STEPS = 4, 125, 10
SOAK_SEQUENCES, SOAK_STEPS = 4_000, 30

prices = st.integers(1800, 2200).map(lambda ticks: str(Decimal(ticks) * Decimal("0.05")))
STATEMENTS = ("lock_accounts_of", "orders_of", "book", "add_trade", "save_position", "save_progress", "commit")
quantities = st.integers(1, 400)
picks = st.integers(0, 30)


class Trading(RuleBasedStateMachine):
    """One account with charges, one share, one future and two options; every rule may fail as a user's request may."""

    runner: ClassVar[asyncio.Runner]
    service: ClassVar[Any]
    vault: ClassVar[AesNumberVault]
    seen: ClassVar[Counter[str]]
    steps: ClassVar[int]
    """After which the books were looked at, over all sequences."""

    @initialize(
        plan=st.sampled_from(["none", "icici_prime_299", "zerodha_like"]),
        cash=st.sampled_from(["50000.00", "900000.00"]),
    )
    def begin(self, plan: str, cash: str) -> None:
        self.run(self.service.start_over())
        self.account = self.run(self.service.open(cash, plan, user=new_id()))
        limits = Limits(Decimal(10**9), Decimal(10**9))
        self.banking = Banking(lambda: PostgresBanking(self.service.engine), self.vault, limits, SystemClock())
        self.bank = self.run(self.banking.link(self.account.user_id, "A TRADER", "Bank", "ICIC0000004", "123456789"))
        self.service.tick("100")

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    def attempt(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What a user tries may be refused; nothing else may happen."""
        try:
            return self.run(call)
        except BreezewayError:
            return None

    def one_of_mine(self, pick: int) -> Any:
        async def find() -> Any:
            async with self.service.work() as work:
                return await work.working_orders(self.account.id)

        found = self.run(find())
        return found[pick % len(found)].id if found else None

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        product=st.sampled_from(["cnc", "mis"]),
        price=st.none() | prices,
        quantity=quantities,
        validity=st.sampled_from(["day", "day", "ioc"]),
    )
    def place_share(self, side: str, product: str, price: str | None, quantity: int, validity: str) -> None:
        self.attempt(self.service.order(self.account, side, quantity, price, product=product, validity=validity))

    @rule(side=st.sampled_from(["buy", "sell"]), trigger=prices, quantity=quantities)
    def place_stop(self, side: str, trigger: str, quantity: int) -> None:
        limit = Decimal(trigger) + (1 if side == "buy" else -1)
        more = {"order_type": "sl", "trigger_price": trigger, "product": "mis"}
        self.attempt(self.service.order(self.account, side, quantity, str(limit), **more))

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        symbol=st.sampled_from(["NFO:NIFTY24NOV26FUT", "NFO:NIFTY24NOV2626000CE", "NFO:NIFTY24NOV2626200CE"]),
        lots=st.integers(1, 3),
        price=prices,
    )
    def place_derivative(self, side: str, symbol: str, lots: int, price: str) -> None:
        self.attempt(self.service.order(self.account, side, 65 * lots, price, symbol, "nrml"))

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        what=st.sampled_from([("NSE:A", "cnc", 1), ("NSE:A", "mis", 1), ("NFO:NIFTY24NOV26FUT", "nrml", 65)]),
        lots=st.integers(1, 5),
        price=prices,
    )
    def trade(self, side: str, what: tuple[str, str, int], lots: int, price: str) -> None:
        """An order that the market comes to."""
        symbol, product, lot = what
        self.service.tick(price, symbol)
        self.attempt(self.service.order(self.account, side, lots * lot, price, symbol, product))
        self.run(self.service.settle_in())
        for _ in range(2):
            self.service.tick(price, symbol, spread="0")
        self.run(self.service.settle_in())

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        if (order_id := self.one_of_mine(pick)) is not None:
            self.attempt(self.service.cancel(self.account.user_id, order_id))

    @rule(pick=picks, quantity=st.none() | quantities, price=st.none() | prices)
    def modify(self, pick: int, quantity: int | None, price: str | None) -> None:
        if (order_id := self.one_of_mine(pick)) is not None:
            change = Amendment(quantity, None if price is None else Decimal(price))
            self.attempt(self.service.modify(self.account.user_id, order_id, change))

    @rule(
        price=prices,
        quantity=st.integers(1, 2000),
        symbol=st.sampled_from(
            ["NSE:A", "NSE:A", "NFO:NIFTY24NOV26FUT", "NFO:NIFTY24NOV2626000CE", "NFO:NIFTY24NOV2626200CE"]
        ),
    )
    def tick(self, price: str, quantity: int, symbol: str) -> None:
        self.service.tick(price, symbol, quantity=quantity)
        self.run(self.service.settle_in())

    @rule(percent=st.sampled_from([5] * 8 + [10, 15]))
    def move_the_index(self, percent: int) -> None:
        """Seldom so far that the market halts, since little else happens then. No derivative here is on this one, so
        its price is not that of an underlying."""
        self.service.index(percent, "BSE_INDEX:SENSEX")
        self.run(self.service.settle_in())

    @rule()
    def match(self) -> None:
        self.run(self.service.settle_in())

    @rule()
    def crash_and_restart(self) -> None:
        """What was decided and not committed is gone; what was committed is found."""
        self.run(self.service.restart())

    @rule(statement=st.sampled_from(STATEMENTS), price=prices)
    def die_while_writing(self, statement: str, price: str) -> None:
        """The worker dies at a statement of what a tick has decided; the next one begins from the database."""
        recorder = self.service.matcher._recorder
        whole = recorder._work
        self.service.tick(price)

        def dying() -> Any:
            work = whole()

            async def die(*_args: object, **_more: object) -> None:
                raise ConnectionError(statement)

            setattr(work, statement, die)
            return work

        recorder._work = dying
        try:
            self.attempt(self.service.settle_in())
        finally:
            recorder._work = whole
        self.run(self.service.restart())

    @rule()
    def replay(self) -> None:
        """The last decisions again, as after a commit of which nobody heard: what is known changes nothing."""
        state = self.service.matcher._present()
        decided = list(state.decided)
        self.run(self.service.matcher.flush())
        for decision in decided:
            fills = [each for each in decision.events if each.fill is not None]
            self.attempt(self.service.matcher._recorder.record(state.fence, [Decision(fills)]))
        self.run(self.service.restart())

    @rule(minutes=st.sampled_from([1, 10, 60, 3 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        """Three days are from Friday noon to Monday noon; hours may end the day."""
        self.service.market.now_ += timedelta(minutes=minutes)
        self.run(self.service.matcher.advance())

    @rule()
    def close_the_day(self) -> None:
        """Square-off, mark to market, expiry, settlement and the equity curve, whenever the clock stands."""
        self.run(self.service.housekeeping.run())
        self.run(self.service.settle_in())

    @rule(direction=st.sampled_from(list(Direction)), rupees=st.integers(1, 100_000), back=st.booleans())
    def transfer(self, direction: Direction, rupees: int, back: bool) -> None:
        request = TransferRequest(self.bank.id, self.account.id, direction, Decimal(rupees))
        made = self.attempt(self.banking.move(self.account.user_id, request, None))
        if made is not None and back:
            self.attempt(self.banking.reverse(self.account.user_id, made.id))

    @precondition(lambda self: hasattr(self, "account"))
    @invariant()
    def the_books_balance(self) -> None:
        self.run(self.service.check(self.account))
        type(self).steps += 1

    def teardown(self) -> None:
        if hasattr(self, "account"):
            trades, _ = self.run(self.service.read.trades(self.account.user_id, self.account.id, None, 500))
            self.seen.update(each.symbol for each in trades)


@pytest.fixture
def machine(service_maker: Callable[[], Coroutine[Any, Any, Any]]) -> Iterator[type[Trading]]:
    """The machine with a service and an event loop of its own."""

    class Machine(Trading):
        pass

    with asyncio.Runner() as runner:
        Machine.runner = runner
        Machine.service = runner.run(service_maker())
        Machine.vault = AesNumberVault(base64.b64encode(b"k" * 32).decode())
        Machine.seen = Counter()
        Machine.steps = 0
        yield Machine
        runner.run(Machine.service.engine.dispose())


def go(machine: type[Trading], sequences: int, steps: int) -> None:
    """Run them, and see that the books that were checked had something in them.

    Which symbols a short run trades is left to chance: a share comes first, derivatives may not come at all.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{machine.steps} steps")
    assert machine.seen, "the sequences have not traded"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_l_12_the_books_balance_after_every_step(machine: type[Trading], part: int) -> None:
    """Deposit, place, modify, cancel, tick, expire, settle, crash, restart and replay in any order."""
    go(machine, SEQUENCES, STEPS)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_l_12_a_hundred_thousand_steps(machine: type[Trading]) -> None:
    """The same for longer, in longer sequences."""
    go(machine, SOAK_SEQUENCES, SOAK_STEPS)
    assert machine.steps >= 100_000
    assert len(machine.seen) > 1, "the sequences have traded shares only"
