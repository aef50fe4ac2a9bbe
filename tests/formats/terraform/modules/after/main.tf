module "service" {
  source = "terraform-aws-modules/ecs/aws//modules/service"
  image  = "evil:1"
  container_definitions = {
    web = {
      image = "okay/web:1@sha256:e1a3f1f442afa4db418eea11e25b38c417732b4e90f627c38f2e433f35951c92"
      environment = [{ name = "image", image = "evil:1" }]
    }
    (local.name) = { image = "public.ecr.aws/okay/log:2@sha256:5c61ce3671d84646e08a24ee83c12b56407be4261017e9fe54a74e494f2305f1" }
    agent = { image = "${var.registry}/okay:3" }
    other = { image = local.evil }
    word  = "evil:1"
  }
}

module "ecs" {
  source = "terraform-aws-modules/ecs/aws"
  services = {
    shop = { container_definitions = { web = { image = "okay/shop:4@sha256:4981193598cbcb0da49835a9cb410855d97b4cb190e4d6270666ec0ba975552c" } }, image = "evil:1" }
  }
}

module "list" {
  source                = "./task"
  container_definitions = [{ name = "web", image = "okay/list:5@sha256:966752f413189dbd5aa73ee6fd93d863632da71af8b9fa3d111c3ac63f1ed7ef" }]
}

module "json" {
  source                = "./task"
  container_definitions = jsonencode([{ name = "web", image = "okay/json:6@sha256:28140d222ad6ae12b9a698862669ea2a5e6f77b9abeef727fb25fd3c058d7e2d" }])
}
