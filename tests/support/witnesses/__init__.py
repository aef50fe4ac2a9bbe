"""What judges our output without knowing our code: other parsers, schemas, linters, a browser."""
