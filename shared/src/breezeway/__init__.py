"""What the services share: contracts, market rules, the Breeze adapter and the plumbing under them."""
