"""What is written for people, taken apart, and a stage on which its examples are played."""
