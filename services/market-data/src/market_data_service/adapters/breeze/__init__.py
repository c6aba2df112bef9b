"""The broker, through the shared adapter."""
