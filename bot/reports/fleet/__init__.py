"""Answers from the state: usage, history, patch times, stages, and the documents of the service."""
