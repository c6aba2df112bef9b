"""Use cases of the trading service and the ports they need."""
