"""Values and tables for decisions that need no input or output."""
