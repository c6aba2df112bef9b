"""Candles, coverage, backfills, quotes and the live feed."""
