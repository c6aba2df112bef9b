"""The broker, as auth asks it."""
