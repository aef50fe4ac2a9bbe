target "app" {
  contexts = {
    "alpine:3.20" = "docker-image://alpine:3.21@sha256:3526d6098b763e66775aa72a831108f0f0484254cf6a7b4bda3597e96d6f88ae"
  }
  dockerfile-inline = <<EOT
FROM alpine:3.20
FROM alpine:3.21@sha256:3526d6098b763e66775aa72a831108f0f0484254cf6a7b4bda3597e96d6f88ae
EOT
}

target "other" {
  dockerfile-inline = <<EOT
FROM alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219
EOT
}
