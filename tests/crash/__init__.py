"""The crash matrix: each money-moving command, killed at each of its steps, then settled, then judged."""
