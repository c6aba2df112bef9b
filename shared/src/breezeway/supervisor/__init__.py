"""A small process supervisor: ordered start-up, restarts, prefixed logs, and no process left behind."""
