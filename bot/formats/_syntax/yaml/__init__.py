"""YAML as events with the bytes they stand at."""
