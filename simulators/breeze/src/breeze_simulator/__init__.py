"""A fake exchange and broker that speaks Breeze; the official SDK runs against it unmodified."""
