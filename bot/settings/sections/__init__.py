"""The sections of the config file: one frozen dataclass for each mapping, with its keys, their types and their checks.

The docstring below each key is the documentation of the key. Nothing here imports pydantic or PyYAML, so that a command
without a config starts fast.
"""
