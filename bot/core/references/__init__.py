"""Image references in files: which there are, which of them may be updated, and how their bytes change."""
