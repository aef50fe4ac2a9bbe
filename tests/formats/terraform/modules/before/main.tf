module "service" {
  source = "terraform-aws-modules/ecs/aws//modules/service"
  image  = "evil:1"
  container_definitions = {
    web = {
      image = "okay/web:1"
      environment = [{ name = "image", image = "evil:1" }]
    }
    (local.name) = { image = "public.ecr.aws/okay/log:2" }
    agent = { image = "${var.registry}/okay:3" }
    other = { image = local.evil }
    word  = "evil:1"
  }
}

module "ecs" {
  source = "terraform-aws-modules/ecs/aws"
  services = {
    shop = { container_definitions = { web = { image = "okay/shop:4" } }, image = "evil:1" }
  }
}

module "list" {
  source                = "./task"
  container_definitions = [{ name = "web", image = "okay/list:5" }]
}

module "json" {
  source                = "./task"
  container_definitions = jsonencode([{ name = "web", image = "okay/json:6" }])
}
