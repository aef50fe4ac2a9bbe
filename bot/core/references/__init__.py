"""Image references: which ones a tree contains, which ones may be updated, and how the bytes of their files change."""
