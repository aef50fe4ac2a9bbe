"""One file per output, all from one RunReport."""
