"""The only place that picks concrete classes: settings in, ports and services out."""
