"""The registry, the images and the repositories of `basebump demo`."""
