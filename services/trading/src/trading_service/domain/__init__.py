"""Orders, money and portfolios without any machinery."""
