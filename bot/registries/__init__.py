"""OCI registries: the client, and the credentials that it uses."""
