"""basebump keeps every base image of a fleet on the newest patched digest, and proves that the move is worth making."""

__version__ = "0.1.0"
