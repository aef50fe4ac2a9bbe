resource "docker_image" "web" {
  name = "nginx:1.27"
}
