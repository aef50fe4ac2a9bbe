"""The command line: parsing and exit codes only, one module per command."""
