"""Pure writers of reports, one module for each output format; all of them render one `RunReport`."""
