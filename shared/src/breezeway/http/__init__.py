"""The HTTP edge every service shares: problem documents, request ids, health, typed clients."""
