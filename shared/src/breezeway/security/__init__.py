"""Tokens, service credentials and the caller's identity."""
