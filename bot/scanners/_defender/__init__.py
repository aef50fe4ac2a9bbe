"""Queries Microsoft Defender for Cloud about container images, and parses the rows in its responses."""
