"""Rules: who is told what and when, when an alert fires, which addresses we may call."""
