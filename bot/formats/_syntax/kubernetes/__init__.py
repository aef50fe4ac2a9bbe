"""Kubernetes objects: their kinds, and the fields in which they name images."""
