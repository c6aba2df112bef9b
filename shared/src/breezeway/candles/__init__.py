"""Columns of candles: the value type, resampling anchored at session opens, and folding of ticks. NumPy only."""
