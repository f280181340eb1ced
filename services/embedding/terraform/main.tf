# Everything follows from the manifest; resources that only this service needs in AWS are added here.
module "service" {
  source = "../../../terraform/modules/lambda-service"

  manifest = yamldecode(file("${path.module}/../service.yaml"))
  context  = var.context
}
