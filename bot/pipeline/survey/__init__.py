"""Find the base branches to read, and the services around them: build tasks, clusters and stored visits."""
