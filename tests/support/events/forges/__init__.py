"""Deliveries of forges, written anew from the documentation of their vendors. All values are made up."""
