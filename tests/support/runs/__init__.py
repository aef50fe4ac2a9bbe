"""Whole runs: a registry whose tags move, a scanner that says what it is told, and what came of it."""
