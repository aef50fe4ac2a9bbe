"""What formats read in their files; each is imported with the first file that its format has to read."""
