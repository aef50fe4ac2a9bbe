"""HCL in both its syntaxes, with the byte positions of its strings."""
