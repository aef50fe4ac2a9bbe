"""YAML: documents whose nodes know their bytes, and images at places in them."""
