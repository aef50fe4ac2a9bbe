"""Decides which base branches a run need not read, because nothing changed since an earlier run."""
