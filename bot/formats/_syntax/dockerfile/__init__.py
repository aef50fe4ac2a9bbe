"""Dockerfiles: their lines, instructions, shell words and build arguments, and the images that they name."""
