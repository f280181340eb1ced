# Packages and contracts as `mesh package` and `mesh contracts export` would leave them: one zip a service.

terraform {
  required_version = ">= 1.11"

  required_providers {
    local = {
      source  = "hashicorp/local"
      version = "~> 2.5"
    }
  }
}

locals {
  repository = "${path.module}/../../../../.."
  folder     = abspath("${path.module}/build")
  functions = merge([
    for file in fileset("${local.repository}/services", "*/service.yaml") :
    { for function in keys(yamldecode(file("${local.repository}/services/${file}")).functions) : "${dirname(file)}.${function}" => dirname(file) }
  ]...)
}

resource "local_file" "zip" {
  for_each = toset(values(local.functions))

  filename = "${local.folder}/${each.key}.zip"
  content  = "the code of ${each.key}"
}

resource "local_file" "index" {
  filename = "${local.folder}/packages.json"
  content = jsonencode({ for function, service in local.functions : function => {
    file   = local_file.zip[service].filename
    sha256 = local_file.zip[service].content_base64sha256
    size   = length(local_file.zip[service].content)
  } })
}

resource "local_file" "wrong" {
  filename = "${local.folder}/wrong.json"
  content = jsonencode({ for function, service in local.functions : function => {
    file   = local_file.zip[service].filename
    sha256 = base64sha256("other code of ${service}")
    size   = 1
  } })
}

resource "local_file" "schema" {
  filename = "${local.folder}/eventbridge/collections.test.v1.json"
  content  = jsonencode({ "$schema" = "http://json-schema.org/draft-04/schema#" })
}

output "packages_file" {
  value = local_file.index.filename
}

output "wrong_packages_file" {
  value = local_file.wrong.filename
}

output "schemas_folder" {
  value = dirname(local_file.schema.filename)
}
