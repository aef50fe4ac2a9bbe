"""Helm charts: images among their values, and how templates use the values."""
