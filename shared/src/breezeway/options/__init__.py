"""Option pricing (Black-76), pure and vectorised."""
