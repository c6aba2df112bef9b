"""Ports made real: files, clocks."""
