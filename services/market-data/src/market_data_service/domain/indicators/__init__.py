"""Technical indicators over columns of bars: pure, in NumPy."""
