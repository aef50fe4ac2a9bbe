"""Readers, each of which extracts the images of one format.

A format imports its reader when it reads its first file, so that the readers of unused formats do not slow down the
start.
"""
