"""Other services and the exchange clock."""
