"""Finding out who signed an image: one module for each kind of signature."""
