"""One file per vulnerability scanner, each with pure functions that read its reports."""
