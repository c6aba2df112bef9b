"""Redis: market data in, order events out."""
