target "app" { contexts = { a = "docker-image://Alpine:3.20" } }
