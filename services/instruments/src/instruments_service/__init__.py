"""The instrument master, its aliases, search and option-chain structure."""
