"""An emulator of Graph: a tenant with rules, over HTTP on loopback, for trials and tests."""
