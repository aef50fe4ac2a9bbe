"""YAML: documents whose nodes have byte positions, and the images at paths in them."""
