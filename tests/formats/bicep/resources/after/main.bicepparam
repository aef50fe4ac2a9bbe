param image = 'evil:1'
