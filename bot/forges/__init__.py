"""Forges, a folder each: verbs without judgement. What several of them share lies beside the folders."""
