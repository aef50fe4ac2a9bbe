"""Renovate configs: the settings that affect which images Renovate updates."""
