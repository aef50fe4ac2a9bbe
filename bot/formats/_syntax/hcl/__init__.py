"""HCL in both its syntaxes, with the bytes of its texts."""
