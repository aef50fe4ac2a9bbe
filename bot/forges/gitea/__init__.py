"""Repositories on Gitea and Forgejo servers, which have nearly the same API."""
