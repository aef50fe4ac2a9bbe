"""Values and tables for what is decided without any input or output."""
