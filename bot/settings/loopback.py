"""Loopback addresses."""

from __future__ import annotations

from ipaddress import ip_address

LOCAL_NAME = "localhost"


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach a host, which is given without a port."""
    try:
        return host.lower() == LOCAL_NAME or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
