"""The form of the ids that Microsoft gives to objects, tenants, applications and requests."""

import re

# Every row of a listing is matched: this takes half the time of a repeated group under a flag for case.
GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
"""A GUID in either case. Matches anywhere in a text: use `fullmatch` for one that has to be nothing else."""
