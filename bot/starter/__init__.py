"""Writes a first config for a folder, and translates the rules about images of Renovate and Dependabot."""
