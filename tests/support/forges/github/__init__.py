"""A GitHub on loopback: real git repositories, its REST API as far as basebump uses it, and people who act in it.

It is stateful and says no where GitHub does. What it was asked and what it answered is held against GitHub's own API
description (`contract.py`); a request that it does not know, and one that breaks the description, fail the test.
"""
