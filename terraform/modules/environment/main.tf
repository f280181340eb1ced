data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  repository = "${path.module}/../../.."
  account    = data.aws_caller_identity.this.account_id
  region     = data.aws_region.this.region
  platform   = yamldecode(file("${local.repository}/services/platform.yaml"))
  operators  = yamldecode(file("${local.repository}/services/operators.yaml"))
  manifests = {
    for file in fileset("${local.repository}/services", "*/service.yaml") :
    dirname(file) => yamldecode(file("${local.repository}/services/${file}"))
  }
  # A page in a browser may call every route, so it may use the routes' methods, and HEAD wherever it may GET.
  declared_methods = distinct(flatten([
    for manifest in local.manifests : [for function in manifest.functions : try(function.routes[*].method, [])]
  ]))
  methods = concat(local.declared_methods, contains(local.declared_methods, "GET") ? ["HEAD"] : [])
  secrets = toset(flatten([
    for manifest in local.manifests : [for function in manifest.functions : try(function.secrets, [])]
  ]))

  # The address of an existing database, or of the one created here.
  database = one(concat(
    module.database[*].address,
    [for database in var.database[*] : {
      host        = database.host
      port        = database.port
      name        = local.platform.database.name
      auth        = database.auth
      sslmode     = database.sslmode
      resource_id = "*"
    }],
  ))

  context = {
    environment                     = var.environment
    region                          = local.region
    account                         = local.account
    deletion_protection             = var.deletion_protection
    platform                        = local.platform
    build                           = var.artifacts.build
    bus                             = module.bus.bus
    images                          = module.storage.images
    parameter_prefix                = module.secrets.parameter_prefix
    database                        = local.database
    api                             = { id = module.edge.id, execution_arn = module.edge.execution_arn, authorizer_id = module.edge.authorizer_id }
    schedules_dead_letter_queue_arn = module.bus.schedules_dead_letter_queue.arn
    alarms_topic_arn                = module.observability.topic_arn
    packages                        = local.packages
    extra_variables                 = var.extra_variables
  }
}

module "storage" {
  source = "../storage"

  environment = var.environment
  account     = local.account
  images      = local.platform.images
  keep        = var.deletion_protection
}

module "database" {
  source = "../database"
  count  = var.database == null ? 1 : 0

  environment        = var.environment
  region             = local.region
  database           = local.platform.database
  instance_class     = var.settings.database_class
  backup_days        = var.backup_days
  log_retention_days = local.platform.logs.retention_days
  protect            = var.deletion_protection
}

module "bus" {
  source = "../bus"

  environment      = var.environment
  region           = local.region
  account          = local.account
  archive_days     = local.platform.bus.archive_days
  orders           = local.operators.publishes
  alarms_topic_arn = module.observability.topic_arn
}

module "schema_registry" {
  source = "../schema-registry"
  count  = var.schema_registry ? 1 : 0

  environment    = var.environment
  schemas_folder = var.artifacts.schemas_folder
}

module "secrets" {
  source = "../secrets"

  environment = var.environment
  region      = local.region
  account     = local.account
  names       = local.secrets
}

module "identity" {
  source = "../identity"

  environment  = var.environment
  region       = local.region
  password     = local.platform.identity.password
  tokens       = local.platform.identity.tokens
  mfa          = var.settings.mfa
  self_sign_up = var.self_sign_up
  hosted_ui    = var.settings.hosted_ui
  protect      = var.deletion_protection
}

module "edge" {
  source = "../edge"

  environment = var.environment
  cors = {
    origins         = local.platform.api.cors_origins
    methods         = sort(concat(["OPTIONS"], local.methods))
    headers         = local.platform.api.cors_headers
    exposed_headers = local.platform.api.cors_exposed_headers
  }
  throttling         = local.platform.api.throttling
  issuer             = module.identity.issuer
  audience           = [module.identity.client_id]
  log_retention_days = local.platform.logs.retention_days
  domain             = var.settings.domain
  distribution       = var.settings.distribution
  tags               = var.api_tags
}

# Its topic comes first, its dashboards last: Terraform orders resources, not modules.
module "observability" {
  source = "../observability"

  environment        = var.environment
  region             = local.region
  account            = local.account
  emails             = toset(var.settings.alarm_emails)
  services           = local.services
  api_id             = module.edge.id
  database           = one([for database in module.database : { identifier = database.identifier, connections = database.connections }])
  other_alarms       = module.bus.alarm_names
  service_dashboards = var.settings.service_dashboards
}

module "budget" {
  source   = "../budget"
  for_each = toset(var.settings.budget_usd > 0 ? ["monthly"] : [])

  environment = var.environment
  limit_usd   = var.settings.budget_usd
  topic_arn   = module.observability.topic_arn
  emails      = var.settings.alarm_emails
}
