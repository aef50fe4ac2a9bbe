"""Readers of Kubernetes clusters, with the official client. Only runs whose config has `clusters` import them."""
