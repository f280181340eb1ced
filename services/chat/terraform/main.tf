module "service" {
  source = "../../../terraform/modules/lambda-service"

  manifest = yamldecode(file("${path.module}/../service.yaml"))
  context  = var.context
}
