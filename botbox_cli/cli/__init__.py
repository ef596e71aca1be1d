"""The commands: arguments in, services called, results rendered, exit codes."""
