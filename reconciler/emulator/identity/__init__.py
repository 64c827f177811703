"""The callers: applications, their sign-in and tokens, and what a token allows."""
