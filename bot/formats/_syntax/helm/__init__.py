"""Helm charts: the images among their values, and how templates use the values."""
