"""One use case a module; each takes its ports, the clock and its ids as arguments."""
