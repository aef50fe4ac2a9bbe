"""Reading of config files: their YAML, their values and problems, and the files that they name."""
