"""Stores of data about the time after a merge: own builds, running images, failed checks, and stages."""
