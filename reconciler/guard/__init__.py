"""Pure rules that keep an apply within what was reviewed: limits, approvals, staleness."""
