"""Forges on loopback, each with people who act on it, and what is claimed of all of them."""
