"""How routes reach the simulator."""

from typing import Annotated

from fastapi import Depends, Request

from breeze_simulator.application.simulator import Broker, Simulator


class BrokerStarting(Exception):
    """The market is still being built: the broker's backend is down, as it is on many a weekend."""


def simulator_of(request: Request) -> Simulator:
    simulator = request.app.state.simulator
    assert isinstance(simulator, Simulator)  # noqa: S101 - put there by bootstrap; narrows the type
    return simulator


def broker_of(request: Request) -> Broker:
    broker = simulator_of(request).broker
    if broker is None:
        raise BrokerStarting
    return broker


TheSimulator = Annotated[Simulator, Depends(simulator_of)]
TheBroker = Annotated[Broker, Depends(broker_of)]
