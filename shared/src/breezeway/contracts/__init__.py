"""Messages and HTTP bodies that cross a process border, as frozen models."""
