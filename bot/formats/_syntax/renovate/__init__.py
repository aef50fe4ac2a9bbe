"""Configs of Renovate's: what they say of images."""
