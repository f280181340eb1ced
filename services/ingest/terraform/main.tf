# Everything follows from the manifest; what only this service needs in AWS stands here beside it.
module "service" {
  source = "../../../terraform/modules/lambda-service"

  manifest = yamldecode(file("${path.module}/../service.yaml"))
  context  = var.context
}
