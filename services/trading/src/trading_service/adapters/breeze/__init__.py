"""Live orders at the broker."""
