"""Deliveries of forges, written after the documentation of their vendors. All values are made up."""
