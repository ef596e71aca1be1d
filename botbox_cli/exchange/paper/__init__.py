"""The embedded Bybit v5 spot exchange: the user's paper account and the tests' opponent.

`engine.PaperExchange.handle` answers one request as the real host would. Everything else surrounds it:
prices (`scripted`, `replay`, `live`), durable state (`store`), ways in (`transport` for pybit's session, `direct` for
simulations, `server` for HTTP) and `faults`, which stands in front of any of them.
It imports the standard library only (`transport` and `direct` also requests), and nothing of botbox.
"""
