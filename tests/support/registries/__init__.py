"""Registries on loopback: the real one, a token server for it, and the answers that no real one gives when asked."""
