"""HCL in its native syntax and as JSON, with the byte offsets of its strings."""
