"""Generators of reference pages, the manual page and the SBOM; `make docs` and `make sbom` run them.

Tests check that the committed pages are up to date.
"""
