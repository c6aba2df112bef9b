"""Redis: the live feed in, the users' channels out."""
