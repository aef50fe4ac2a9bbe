"""The command line: argument parsing and exit codes, with one module per command."""
