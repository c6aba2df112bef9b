"""The exchange as pure rules: orders, checks, matching, positions."""
