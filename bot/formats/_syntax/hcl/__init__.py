"""Parse HCL, in its native syntax and as JSON. Strings have byte offsets."""
