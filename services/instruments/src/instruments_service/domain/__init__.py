"""Rules and values; no framework."""
