"""The only module that loads `breeze-connect`, and what makes that harmless.

Imported as its authors mean it, the SDK downloads the security master, makes `logs/` in the current folder, opens
two log files into which it writes every answer, switches IPv6 off for the whole process, puts its folder on
`sys.path`, and leaves a module named `config` behind. Here its source runs as a *private copy* whose `import`
statements are answered by us: it sees stand-ins for the few modules through which it would do those things, so nothing
global is touched, not even for a moment, and no lock is needed. pandas, which only its `get_names` uses and which costs
1.9 s and 120 MB, is not loaded.

Each copy belongs to one set of endpoints and one HTTP port, since the SDK keeps both in module globals. A process can
therefore serve the real broker and a simulator side by side, and a plain `import breeze_connect` elsewhere in the same
process (tests do that) meets the untouched original.
"""

import builtins
import importlib.util
import io
import os
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.errors import Misconfigured


class HttpAnswer(Protocol):
    """What the SDK reads of an HTTP answer."""

    @property
    def status_code(self) -> int: ...

    def json(self) -> Any: ...


class HttpPort(Protocol):
    """How the SDK's calls leave the process; `body` is the exact text that the SDK has signed."""

    def send(
        self,
        method: str,
        url: str,
        *,
        body: str | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> HttpAnswer: ...


def load_sdk(endpoints: BreezeEndpoints, http: HttpPort) -> ModuleType:
    """A private copy of the SDK that talks to `endpoints` through `http`.

    Returns its module: `BreezeConnect` is the class to use. Takes 20 ms once socketio is imported; blocks, so call it
    off the event loop. Raises Misconfigured when the pinned SDK is not installed.
    """
    package = importlib.util.find_spec("breeze_connect")
    if package is None or not package.submodule_search_locations:
        raise Misconfigured("The breeze-connect package is not installed.", code="broker_sdk_missing")
    folder = package.submodule_search_locations[0]

    config = _module("config", os.path.join(folder, "config.py"))
    _spec_of(config).loader.exec_module(config)  # type: ignore[union-attr]
    _point_at(config, endpoints)

    sdk = _module("breeze_connect", os.path.join(folder, "breeze_connect.py"))
    # exec_module leaves a `__builtins__` that is already there alone, so the copy's imports come to us.
    vars(sdk)["__builtins__"] = {**vars(builtins), "__import__": _imports({**_stand_ins(http), "config": config})}
    _spec_of(sdk).loader.exec_module(sdk)  # type: ignore[union-attr]
    # generate_session would download the master twice more; the instruments service reads it, not the SDK.
    sdk.BreezeConnect.get_stock_script_list = _nothing
    return sdk


def _module(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"breezeway.breeze._private.{name}", path)
    if spec is None or not os.path.isfile(path):
        raise Misconfigured(
            f"The installed breeze-connect has no {name}.py; version 1.0.69 is needed.", code="broker_sdk_missing"
        )
    return importlib.util.module_from_spec(spec)


def _spec_of(module: ModuleType) -> ModuleSpec:
    assert module.__spec__ is not None  # noqa: S101  # module_from_spec has just set it
    return module.__spec__


def _point_at(config: ModuleType, endpoints: BreezeEndpoints) -> None:
    vars(config).update(
        API_URL=endpoints.api_url,
        BREEZE_NEW_URL=endpoints.api_v2_url,
        LIVE_FEEDS_URL=endpoints.live_feed_url,
        LIVE_STREAM_URL=endpoints.live_stream_url,
        LIVE_OHLC_STREAM_URL=endpoints.ohlc_url,
        SECURITY_MASTER_URL=endpoints.master_url,
    )


def _imports(answers: Mapping[str, object]) -> Callable[..., object]:
    def answer(
        name: str,
        globals: Mapping[str, object] | None = None,  # the names that __import__ gives them
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if level == 0 and name in answers:
            return answers[name]
        return __import__(name, globals, locals, fromlist, level)

    return answer


def _stand_ins(http: HttpPort) -> dict[str, object]:
    return {
        "requests": _Requests(http),
        "urllib.request": SimpleNamespace(urlopen=lambda _url: io.BytesIO(_empty_zip())),
        "os": SimpleNamespace(path=SimpleNamespace(**vars(os.path) | {"exists": lambda _path: True})),
        "sys": SimpleNamespace(path=list(sys.path)),
        "logging": SimpleNamespace(
            getLogger=lambda _name: _Silence(),
            FileHandler=lambda _path: _Silence(),
            Formatter=lambda _format: None,
            INFO=20,
            ERROR=40,
            DEBUG=10,
        ),
        "pandas": SimpleNamespace(),
    }


class _Requests:
    """Stands for the `requests` package: the SDK's only way out for REST."""

    def __init__(self, http: HttpPort) -> None:
        self._http = http
        connection = SimpleNamespace(HAS_IPV6=True)
        self.packages = SimpleNamespace(urllib3=SimpleNamespace(util=SimpleNamespace(connection=connection)))

    def get(self, url: str, **rest: Any) -> HttpAnswer:
        return self._send("GET", url, **rest)

    def post(self, url: str, **rest: Any) -> HttpAnswer:
        return self._send("POST", url, **rest)

    def put(self, url: str, **rest: Any) -> HttpAnswer:
        return self._send("PUT", url, **rest)

    def delete(self, url: str, **rest: Any) -> HttpAnswer:
        return self._send("DELETE", url, **rest)

    def _send(
        self,
        method: str,
        url: str,
        data: str | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        return self._http.send(method, url, body=data, params=params, headers=headers or {})


class _Silence:
    """A logger or handler that keeps nothing: the SDK logs whole answers, names and balances included."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return _nothing


def _nothing(*_args: object, **_kwargs: object) -> None:
    return None


def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()
