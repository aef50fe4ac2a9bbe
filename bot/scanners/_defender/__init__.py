"""Queries Microsoft Defender for Cloud about container images, and reads the rows that it returns."""
