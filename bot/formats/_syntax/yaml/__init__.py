"""YAML: documents whose nodes have byte offsets, and the images at given paths in the documents."""
