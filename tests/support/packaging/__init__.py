"""Forms of delivery of basebump: distributions, Pythons, an image, a runner of actions."""
