"""Everything that knows the Breeze API, and nothing that knows what we do with it.

- `endpoints`: where the broker lives: `BreezeEndpoints.live()` or `.single_origin("http://127.0.0.1:9000")`.
- `sdk`: the only module that loads `breeze-connect`, as private copies that touch nothing global.
- `transport`: one pooled HTTP client, one bounded set of threads and one SDK copy per set of endpoints; the download of
  the security master.
- `rest`: `BreezeRest`, the async calls of one account; takes and gives `values`, raises what `mapping` says.
- `orders`: `BreezeOrders`, its order calls, none of which is ever sent twice.
- `mapping`: the broker's failures in our error tree; the only reader of its prose.
- `quota`: the call limits that all processes share, in Redis.
- `feed`: `BreezeFeed`, the three sockets as one stream of decoded events, without reconnect.
- `frames`: the pure decoder of socket frames into the values of `events`.
- `rooms`: the names of its Socket.IO rooms.
- `master`: the pure parser of SecurityMaster.zip into `MasterRow`s and refusals with reasons.

What the broker does not document is a field of a `…Rules` value with a documented default, never a constant in code.
"""
