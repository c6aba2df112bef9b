"""Background jobs, each written to run twice."""
