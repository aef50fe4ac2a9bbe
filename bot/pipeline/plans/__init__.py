"""Describe the steps of a run in a plan, and apply a plan."""
