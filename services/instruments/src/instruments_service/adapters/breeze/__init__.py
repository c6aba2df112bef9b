"""The broker's master file: fetching and reading it."""
