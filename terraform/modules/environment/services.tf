# Every folder of services/ that has a manifest is a service.

module "service" {
  source   = "../lambda-service"
  for_each = local.manifests

  manifest = each.value
  context  = local.context
}

locals {
  functions = merge([
    for service, parts in module.service : { for name, function in parts.functions : "${service}.${name}" => function }
  ]...)
}
