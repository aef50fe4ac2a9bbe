"""Readers of the formats. A reader is imported when its format reads the first file, so that start-up stays fast."""
