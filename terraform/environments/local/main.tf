terraform {
  # `mesh infra` keeps the state beside the mesh's own (`-backend-config=path=…`).
  backend "local" {}
}

locals {
  # Fixed by a tag, so that the API's address is known before it exists.
  api_id = "collections"
  # Addresses of the emulated AI providers; those with a key stay real.
  emulated = { anthropic = "", openai = "/v1", voyage = "/voyage/v1", tavily = "/tavily" }
}

provider "aws" {
  region                      = var.region
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true

  endpoints {
    apigatewayv2   = var.endpoint
    budgets        = var.endpoint
    cloudwatch     = var.endpoint
    cognitoidp     = var.endpoint
    dynamodb       = var.endpoint
    eventbridge    = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    cloudwatchlogs = var.endpoint
    s3             = var.endpoint
    s3control      = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    ssm            = var.endpoint
    sts            = var.endpoint
  }

  default_tags {
    tags = {
      application = "collections"
      environment = "local"
      managed-by  = "terraform"
    }
  }
}

module "environment" {
  source = "../../modules/environment"

  environment = "local"
  artifacts   = var.artifacts

  database     = { host = var.database.host, port = var.database.port, auth = "password", sslmode = "disable" }
  self_sign_up = true
  api_tags     = { ms-custom-id = local.api_id }
  extra_variables = merge(
    { AWS_ENDPOINT_URL = var.endpoint },
    { for name, path in local.emulated : "${upper(name)}_BASE_URL" => "${var.providers_url}${path}" if !contains(var.real_providers, name) },
  )

  # An emulator needs no alarm mails, budget or published contracts.
  settings        = { budget_usd = 0, service_dashboards = false }
  schema_registry = false
}
