"""Renovate configs: the settings that affect images."""
