FROM evil:1
