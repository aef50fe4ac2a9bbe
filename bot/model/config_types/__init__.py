"""The types of values in config files, as annotations of the frozen values that hold them; standard library only."""
