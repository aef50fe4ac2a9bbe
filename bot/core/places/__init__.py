"""What files say of images: which places there are, which of them may move, and how their bytes change."""
