"""Pure rules that keep an apply within the reviewed changes: limits, approvals, staleness."""
