"""Scanners and their inputs: databases, records, programs, and published lists."""
