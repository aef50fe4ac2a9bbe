"""Extract image references from trees, and edit them."""
