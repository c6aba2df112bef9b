"""What a request counts against."""

from collections.abc import Sequence

import pytest

from gateway_service.application.limits import Caller, RequestLimits
from gateway_service.domain.rates import Bucket, LocalBuckets, Rate, Standing
from gateway_service.domain.route_classes import Limits, Party, RouteClass


class Noted:
    def __init__(self) -> None:
        self.names: list[str] = []

    async def take(self, buckets: Sequence[Bucket], owed: Sequence[int]) -> Standing:
        self.names = [bucket.name for bucket in buckets]
        return Standing(buckets[0], True, 1, 1.0)


@pytest.mark.parametrize("party", list(Party))
@pytest.mark.parametrize("kind", [RouteClass.READ, RouteClass.EVERYTHING])
async def test_an_operator_may_limit_any_party_in_any_class(kind: RouteClass, party: Party) -> None:
    limits: Limits = {RouteClass.READ: {}, RouteClass.EVERYTHING: {Party.ALL: Rate(10, 1)}}
    limits = {**limits, kind: {**limits[kind], party: Rate(5, 1)}}
    noted = Noted()
    await RequestLimits(limits, noted, LocalBuckets(lambda: 0.0), lambda: 0.0).admit(
        RouteClass.READ, Caller("203.0.113.7", key="k1")
    )
    whose = {Party.IP: "203.0.113.7", Party.KEY: "k1", Party.ALL: "all"}
    expected = {"everything:all:all"} | ({f"{kind}:{party}:{whose[party]}"} if party in whose else set())
    assert set(noted.names) == expected
