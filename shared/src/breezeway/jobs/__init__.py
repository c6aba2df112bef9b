"""arq with our defaults: msgpack payloads, short jobs, unique ids."""
