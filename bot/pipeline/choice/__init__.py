"""Look up tags in registries, and decide the update of each image reference."""
