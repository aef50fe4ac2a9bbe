"""Kubernetes objects: their kinds, and the fields in which these name images."""
