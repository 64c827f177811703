"""The only place that knows Microsoft Graph: its addresses, reads, writes and errors."""
