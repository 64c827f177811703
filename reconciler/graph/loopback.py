"""Recognises loopback addresses: the only ones allowed without TLS or with a fixed token."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether a host, as a URL names it, is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
