"""Rate, errors and duration of what a process is asked, and of what it asks others."""

from typing import Final

from prometheus_client import Counter

from breezeway.observability.durations import registered

REQUESTS: Final = registered(
    "breezeway_http_request_duration_seconds",
    "Requests answered, by route template; probes and streams are left out.",
    ("method", "route", "status"),
)
UPSTREAM_CALLS: Final = registered(
    "breezeway_upstream_call_duration_seconds",
    "Calls to our other services until their head arrived; outcome is the status or the failure.",
    ("upstream", "outcome"),
)
BROKER_CALLS: Final = registered(
    "breezeway_broker_call_duration_seconds",
    "Calls to the broker's REST API without the wait for their turn; outcome is ok or the error's code.",
    ("call", "outcome"),
)
JOBS: Final = registered(
    "breezeway_job_duration_seconds",
    "Jobs run by this worker; outcome is ok or the error's class.",
    ("job", "outcome"),
)
DELIVERIES: Final = registered(
    "breezeway_delivery_duration_seconds",
    "Attempts to deliver a notification; outcome is delivered, failed for good, or waiting to be tried again.",
    ("channel", "outcome"),
)
ALERTS_EVALUATED: Final = Counter("breezeway_alerts_evaluated", "Users' alerts that were compared with a price.")
ALERTS_FIRED: Final = Counter("breezeway_alerts_fired", "Users' alerts that fired, each crossing once.")
