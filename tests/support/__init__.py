"""Real things made small: registries, images, repositories, forges, a scanner."""
