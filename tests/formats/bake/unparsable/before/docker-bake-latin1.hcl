# grüße
target "app" { contexts = { a = "docker-image://alpine:3.20" } }
