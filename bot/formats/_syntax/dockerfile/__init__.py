"""Dockerfiles: lines, instructions, shell words, build arguments, and the images that they name."""
