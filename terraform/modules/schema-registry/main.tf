# Every contract in EventBridge Schemas, for browsing in the console and for code generation.

locals {
  name  = "collections-${var.environment}"
  files = fileset(var.schemas_folder, "*.json")
}

resource "aws_schemas_registry" "main" {
  name        = local.name
  description = "Contracts of the events on the bus ${local.name}; published from the code, not discovered."

  lifecycle {
    precondition {
      condition     = length(local.files) > 0
      error_message = "No schemas in ${var.schemas_folder}: run `mesh contracts export build/contracts` first."
    }
  }
}

resource "aws_schemas_schema" "contract" {
  for_each = { for file in local.files : trimsuffix(file, ".json") => "${var.schemas_folder}/${file}" }

  name          = each.key
  registry_name = aws_schemas_registry.main.name
  type          = "JSONSchemaDraft4"
  content       = file(each.value)
}
