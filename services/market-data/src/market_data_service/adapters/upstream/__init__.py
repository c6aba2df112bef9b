"""Our other services, called over HTTP."""
