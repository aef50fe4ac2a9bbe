"""Access to git repositories in a local folder or over HTTP, with the program git."""
