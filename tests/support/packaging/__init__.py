"""What basebump is shipped as and runs on: distributions, Pythons, an image, a runner of actions."""
