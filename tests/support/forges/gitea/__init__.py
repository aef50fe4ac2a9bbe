"""Gitea and Forgejo as stands: a server over real git repositories with the refusals of the real servers.

Every exchange is held against the servers' own descriptions (`tests/contracts/gitea_openapi.json`).
"""
