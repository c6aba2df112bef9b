"""What is read from and published to Redis."""
