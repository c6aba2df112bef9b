"""The feed owner's adapters: lease, publishing, interest, broker socket, neighbours."""
