"""Independent judges of basebump's output: other parsers, schemas, linters, a browser."""
