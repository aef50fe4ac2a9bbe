"""The state that runs store in a database. It saves time in later runs, and no proposal depends on it."""
