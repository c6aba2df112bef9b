"""The trading service: paper accounts, orders, the matching worker and the ledger."""
