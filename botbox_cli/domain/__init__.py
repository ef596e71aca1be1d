"""What a trade is: values, states and rules. Standard library only; no I/O, no clock, no logging."""
