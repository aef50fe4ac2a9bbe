"""OCI registries: the client, and the credentials that the client uses."""
