"""Readers of Kubernetes clusters, which use the official client. Only runs whose config has `clusters` import them."""
