"""Collect the evidence on the images of an update."""
