"""What runs remember in a database: a help to the next run, never the truth about proposals."""
