"""Real things made small. Beside the rooms lies what every room takes: parts, values, git, a listener, a pace."""
