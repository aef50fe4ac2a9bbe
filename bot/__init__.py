"""basebump keeps base images at the newest patched digest, and shows in each pull request what the update changes."""

__version__ = "0.1.0"
