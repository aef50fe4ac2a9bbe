"""Readers of the formats. Each is imported with the first file that its format reads, to keep start-up fast."""
