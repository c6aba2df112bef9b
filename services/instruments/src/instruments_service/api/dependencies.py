"""The use cases, as routes ask for them."""

from typing import Annotated, cast

from fastapi import Depends, Request

from instruments_service.application.catalogue import Catalogue
from instruments_service.application.find import ReadInstruments
from instruments_service.application.ports import InstrumentQueries, SyncLog
from instruments_service.application.search import SearchInstruments
from instruments_service.application.sync_master import RequestSync


async def _catalogue(request: Request) -> Catalogue:
    return cast(Catalogue, request.app.state.catalogue)


async def _queries(request: Request) -> InstrumentQueries:
    return cast(InstrumentQueries, request.app.state.queries)


async def _search(request: Request) -> SearchInstruments:
    return cast(SearchInstruments, request.app.state.search)


async def _read(request: Request) -> ReadInstruments:
    return cast(ReadInstruments, request.app.state.instruments)


async def _sync_log(request: Request) -> SyncLog:
    return cast(SyncLog, request.app.state.sync_log)


async def _request_sync(request: Request) -> RequestSync:
    return cast(RequestSync, request.app.state.request_sync)


TheCatalogue = Annotated[Catalogue, Depends(_catalogue)]
TheQueries = Annotated[InstrumentQueries, Depends(_queries)]
TheSearch = Annotated[SearchInstruments, Depends(_search)]
TheInstruments = Annotated[ReadInstruments, Depends(_read)]
TheSyncLog = Annotated[SyncLog, Depends(_sync_log)]
TheSyncRequest = Annotated[RequestSync, Depends(_request_sync)]
