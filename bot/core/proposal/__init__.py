"""What a proposal says, and what becomes of it from run to run."""
