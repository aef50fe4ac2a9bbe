"""What git knows, read by git itself: in a folder, and over http."""
