"""What a trade costs in India: effective-dated statutory tables, brokerage plans, contract notes."""
