"""Parse YAML into documents whose nodes have byte offsets, and read image references at given paths."""
