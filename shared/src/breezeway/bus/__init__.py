"""Publish and subscribe between processes, with reconnection and resubscription."""
