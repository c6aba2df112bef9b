"""Users, tokens, broker vault and daily broker sessions."""
