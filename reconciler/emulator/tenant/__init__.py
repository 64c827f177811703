"""The emulated tenant: its state in SQLite, its seed and switches, and how its guests' state changes."""
