"""Where the broker lives: the real one, or anything that speaks its protocol from one origin."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote_plus


@dataclass(frozen=True, slots=True)
class BreezeEndpoints:
    """Addresses of one broker. REST bases end with a slash; `ohlc_path` is the Socket.IO path of the OHLC host."""

    api_url: str
    api_v2_url: str
    login_url: str
    live_feed_url: str
    live_stream_url: str
    ohlc_url: str
    ohlc_path: str
    master_url: str

    @classmethod
    def live(cls) -> Self:
        """ICICI Direct."""
        return cls(
            api_url="https://api.icicidirect.com/breezeapi/api/v1/",
            api_v2_url="https://breezeapi.icicidirect.com/api/v2/",
            login_url="https://api.icicidirect.com/apiuser/login",
            live_feed_url="https://livefeeds.icicidirect.com",
            live_stream_url="https://livestream.icicidirect.com",
            ohlc_url="https://breezeapi.icicidirect.com",
            ohlc_path="ohlcvstream",
            master_url="https://directlink.icicidirect.com/MotherAppMaster/SecurityMaster.zip",
        )

    @classmethod
    def single_origin(cls, origin: str) -> Self:
        """The simulator: every channel under one origin such as `http://127.0.0.1:9000`."""
        base = origin.rstrip("/")
        return cls(
            api_url=f"{base}/breezeapi/api/v1/",
            api_v2_url=f"{base}/api/v2/",
            login_url=f"{base}/apiuser/login",
            live_feed_url=base,
            live_stream_url=base,
            ohlc_url=base,
            ohlc_path="ohlcvstream",
            master_url=f"{base}/MotherAppMaster/SecurityMaster.zip",
        )

    def login_page(self, api_key: str) -> str:
        """Where the user logs in; app keys contain `+`, `=` and `#`, so they are encoded."""
        return f"{self.login_url}?api_key={quote_plus(api_key)}"
