"""Scanners and what they read: databases, records, programs, lists of what others publish."""
