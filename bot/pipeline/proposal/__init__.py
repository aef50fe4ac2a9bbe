"""Plan the proposals to a repository, and execute their steps."""
