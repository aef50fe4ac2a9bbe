"""Signatures made here, and what carries them to a registry."""
