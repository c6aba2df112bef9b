"""PostgreSQL and Valkey from wheels, in a folder, on a free loopback port: the default when no server is
given."""
