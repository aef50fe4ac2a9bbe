"""The pending and finished work of the service."""
