"""The text of Dockerfiles: lines, instructions, words, arguments, and what they name."""
