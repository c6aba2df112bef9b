"""The service's transaction, assembled from its parts."""

from notifications_service.adapters.db.alerts import AlertRows
from notifications_service.adapters.db.gone import GoneRows
from notifications_service.adapters.db.hooks import HookRows
from notifications_service.adapters.db.inbox import InboxRows
from notifications_service.adapters.db.settings_rows import SettingRows


class PostgresWork(InboxRows, SettingRows, AlertRows, HookRows, GoneRows):
    """Implements `ports.Work`."""
