"""Ways to the person: what carries messages out of the machine."""
