"""Fixtures and factories for tests: embedded stores, a fixed clock, a running simulator."""
