image = "evil:1"
