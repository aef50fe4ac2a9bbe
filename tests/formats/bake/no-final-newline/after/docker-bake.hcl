target "app" {
  contexts = { a = "docker-image://alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219" }
}