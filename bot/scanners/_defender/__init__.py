"""Queries and reads the rows of Microsoft Defender for Cloud about container images."""
