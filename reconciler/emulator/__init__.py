"""A Graph that behaves: a tenant with rules, over HTTP on loopback, for trying and testing."""
