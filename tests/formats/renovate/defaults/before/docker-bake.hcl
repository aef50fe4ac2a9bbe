target "web" {
  contexts = {
    base = "docker-image://nginx:1.27"
  }
}
