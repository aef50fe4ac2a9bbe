resource "docker_image" "web" {
  name = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"
}
resource "aws_ecs_task_definition" "task" {
  container_definitions = jsonencode([{ image = "redis@sha256:999cc74d61918d7f2ae94c784ea7a05a3b71b3ab9ad141c1c52fa76001b14e80" }])
}
