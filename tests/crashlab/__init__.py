"""The crash lab: the real command is killed at every request, run again, and judged by the truth."""
