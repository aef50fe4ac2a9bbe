"""Adapters for forges, with one folder for each forge.

An adapter only executes operations and decides nothing. `hosted/` is the code that all forge servers share.
"""
