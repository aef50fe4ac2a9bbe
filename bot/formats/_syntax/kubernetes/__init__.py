"""Kubernetes objects: their kinds, and where those name images."""
