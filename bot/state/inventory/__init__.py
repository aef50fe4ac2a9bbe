"""The base branches of a fleet, and the images that they used and use."""
