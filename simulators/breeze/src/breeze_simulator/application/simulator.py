"""The simulator as the API sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from breeze_simulator.application.accounts import Accounts
from breeze_simulator.application.calculators import Calculators
from breeze_simulator.application.faults import Faults
from breeze_simulator.application.gate import Gate
from breeze_simulator.application.gtt import GttCalls
from breeze_simulator.application.history import History
from breeze_simulator.application.journal import Journal
from breeze_simulator.application.limits import CallLimits, MutationLimits
from breeze_simulator.application.order_calls import OrderCalls
from breeze_simulator.application.order_desk import OrderDesk
from breeze_simulator.application.portfolio import Portfolio
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.application.quotes import Quotes
from breeze_simulator.application.sessions import Sessions
from breeze_simulator.application.streams import Streams
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.envelopes import Refusals
from breezeway.clock import Clock


@dataclass(frozen=True, slots=True)
class Broker:
    """What needs the market, and so exists only once that is built."""

    market: LiveMarket
    history: History
    quotes: Quotes
    portfolio: Portfolio
    streams: Streams
    desk: OrderDesk
    orders: OrderCalls
    gtt: GttCalls
    calculators: Calculators
    is_replayable: Callable[[date], bool]


@dataclass(slots=True)
class Simulator:
    """Everything; `broker` is None for the seconds in which the market is being built."""

    accounts: Accounts
    sessions: Sessions
    limits: CallLimits
    mutations: MutationLimits
    faults: Faults
    journal: Journal
    refusals: Refusals
    gate: Gate
    clock: SimClock
    wall: Clock
    default_redirect_url: str
    broker: Broker | None = None
