"""Helm charts: the images among their values, and how their templates use the values."""
