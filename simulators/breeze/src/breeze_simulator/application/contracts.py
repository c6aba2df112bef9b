"""Finds the instrument that a request names."""

from breeze_simulator.application.ports import Directory
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.wire import ContractQuery


def find(directory: Directory, query: ContractQuery) -> Instrument | None:
    """The instrument of the exchange's day that `query` describes."""
    return directory.by_contract(
        query.exchange, query.stock_code, query.product, query.expiry, query.strike, query.right
    )


def known(directory: Directory, query: ContractQuery, refusals: Refusals) -> Instrument:
    """As `find`, but what is not found is refused as an unknown code.

    Raises:
        BrokerRefusal: there is none.
    """
    found = find(directory, query)
    if found is None:
        raise refusals.unknown_stock()
    return found
