# Module sources must be literal, so each service is listed by name.

module "analysis" {
  source  = "../../../services/analysis/terraform"
  context = local.context
}

module "chat" {
  source  = "../../../services/chat/terraform"
  context = local.context
}

module "embedding" {
  source  = "../../../services/embedding/terraform"
  context = local.context
}

module "imaging" {
  source  = "../../../services/imaging/terraform"
  context = local.context
}

module "ingest" {
  source  = "../../../services/ingest/terraform"
  context = local.context
}

module "search" {
  source  = "../../../services/search/terraform"
  context = local.context
}

module "sessions" {
  source  = "../../../services/sessions/terraform"
  context = local.context
}

locals {
  services = {
    analysis  = module.analysis.service
    chat      = module.chat.service
    embedding = module.embedding.service
    imaging   = module.imaging.service
    ingest    = module.ingest.service
    search    = module.search.service
    sessions  = module.sessions.service
  }

  functions = merge([
    for service, parts in local.services : { for name, function in parts.functions : "${service}.${name}" => function }
  ]...)
}
