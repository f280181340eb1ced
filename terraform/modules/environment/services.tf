# Sources of modules are literal, so each service stands here by name.

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
    analysis  = module.analysis
    chat      = module.chat
    embedding = module.embedding
    imaging   = module.imaging
    ingest    = module.ingest
    search    = module.search
    sessions  = module.sessions
  }

  functions = merge([
    for service, parts in local.services : { for name, function in parts.functions : "${service}.${name}" => function }
  ]...)
}

# A service whose folder exists and which is not named above would be left out without a word.
check "every_service_is_here" {
  assert {
    condition     = toset(keys(local.services)) == toset(keys(local.manifests))
    error_message = "services/ has ${join(", ", keys(local.manifests))}, and this module ${join(", ", keys(local.services))}."
  }
}
