"""The registry, images and repositories of `basebump demo`."""
