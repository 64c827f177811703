"""The form of requests, answers, batches and errors, alike for everything that Graph serves."""
