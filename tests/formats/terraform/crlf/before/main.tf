resource "docker_image" "web" {
  # why
  name = "nginx:1.27"
}
