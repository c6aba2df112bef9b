"""The Redis connection and the one place where keys are spelled."""
