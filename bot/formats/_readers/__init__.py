"""Readers of the formats; each is imported with the first file that its format has to read."""
