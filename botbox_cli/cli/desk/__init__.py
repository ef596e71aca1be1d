"""The desk on a terminal: what waits, what is open, and the decision within reach. The only package with Textual.

The watch runs in a thread of its own and every request in a worker, so that no key waits for the exchange.
"""
