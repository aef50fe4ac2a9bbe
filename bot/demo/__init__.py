"""The embedded registry and fleet of `basebump demo`."""
