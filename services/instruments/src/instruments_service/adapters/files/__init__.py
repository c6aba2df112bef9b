"""Facts that no master has, kept in files that come with the service or from the operator."""
