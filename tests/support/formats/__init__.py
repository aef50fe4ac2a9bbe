"""The cases of the formats, each file of them read once."""
