"""A scene for the pictures in the docs: images with Debian's own packages, versions and CVE ids, and repositories."""
