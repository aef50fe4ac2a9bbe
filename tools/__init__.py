"""What writes the generated pages and lists: `make docs` and `make sbom` run it, tests hold the pages to it."""
