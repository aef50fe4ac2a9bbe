"""The state that runs keep in a database. It saves time in the next run; no proposal depends on it."""
