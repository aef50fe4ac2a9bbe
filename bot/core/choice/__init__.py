"""Choose the digest that an image reference is updated to, or the reason why it is not updated."""
