"""A GitLab on loopback: real git repositories, its REST API as far as basebump uses it, and people who act in it.

It is stateful and says no where GitLab does. Paths and names of what it was asked and what it answered are held against
GitLab's own description (`contract.py`); a request that it does not know, and a name that GitLab does not know, fail
the test. It stores what comes by its API as GitLab does: with LF where a text had CR LF.
"""
