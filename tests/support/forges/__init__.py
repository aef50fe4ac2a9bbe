"""Forges on loopback, with users who act on them, and the claims that all forges must keep."""
