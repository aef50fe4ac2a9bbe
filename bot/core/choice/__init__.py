"""Which digest of its line a place moves to, or why it does not."""
