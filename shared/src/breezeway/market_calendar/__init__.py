"""When the Indian exchanges trade: effective-dated sessions, holidays and special sessions, kept as data."""
