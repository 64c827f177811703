"""The deviations between client and Graph: scripted faults, held requests, and quotas."""
