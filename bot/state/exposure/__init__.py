"""The store of exposure: the packages of images, and the findings of packages over time."""
