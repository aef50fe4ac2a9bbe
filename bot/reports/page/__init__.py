"""The fleet page as HTML."""
