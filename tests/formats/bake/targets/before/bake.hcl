target "x" { contexts = { a = "docker-image://evil:1" } }
