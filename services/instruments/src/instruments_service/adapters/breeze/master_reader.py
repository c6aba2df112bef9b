"""Reads the archive in a thread: three seconds of parsing must not stop the event loop."""

import asyncio
import gc

from breezeway.breeze.master import MalformedMaster, parse_master
from breezeway.clock import IST
from breezeway.errors import UpstreamFault
from instruments_service.domain.listing import Intake, take_in


class BreezeMasterReader:
    """Implements `MasterReader`."""

    async def read(self, archive: bytes) -> Intake:
        try:
            return await asyncio.to_thread(_read, archive)
        except MalformedMaster as error:
            raise UpstreamFault(str(error), code=f"master_{error.reason}") from error


def _read(archive: bytes) -> Intake:
    # Half a million new objects, none of them in a cycle: the collector would look through all of them, again and
    # again, for a third of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        parsed = parse_master(archive)
        return take_in(
            parsed.rows,
            parsed.refused,
            files={name: count.lines for name, count in parsed.files.items()},
            missing=parsed.missing,
            master_date=parsed.built_at.astimezone(IST).date(),
        )
    finally:
        if collecting:
            gc.enable()
