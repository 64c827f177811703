"""The only place that knows Microsoft Graph: how to reach it, read it, write to it, and read its errors."""
