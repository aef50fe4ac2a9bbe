"""Gitea and Forgejo as stands: a server over real git repositories that refuses what they refuse.

Every exchange is held against the servers' own descriptions (`tests/contracts/gitea_openapi.json`).
"""
