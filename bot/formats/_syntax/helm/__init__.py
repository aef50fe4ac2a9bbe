"""Helm charts: the values that are images, and what templates do with values."""
