"""Asking registries: the OCI client, and where its credentials come from."""
