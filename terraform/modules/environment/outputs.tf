output "environment" {
  description = "Name of the environment."
  value       = var.environment
}

output "region" {
  description = "Region that it is in."
  value       = local.region
}

output "account" {
  description = "Account that it is in."
  value       = local.account
}

output "api_url" {
  description = "Base of all routes, no slash at the end."
  value       = module.edge.url
}

output "domain_target" {
  description = "What the API's domain shall point at where Route 53 does not hold it."
  value       = module.edge.domain_target
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.identity.user_pool_id
}

output "client_id" {
  description = "Id of the pool's client."
  value       = module.identity.client_id
}

output "issuer" {
  description = "Issuer of tokens."
  value       = module.identity.issuer
}

output "hosted_ui_url" {
  description = "Where Cognito's sign-in pages are; null without them."
  value       = module.identity.hosted_ui_url
}

output "event_bus" {
  description = "Name of the event bus."
  value       = module.bus.bus.name
}

output "archive" {
  description = "Name of the bus's archive."
  value       = module.bus.archive
}

output "images_bucket" {
  description = "Bucket of pictures."
  value       = module.storage.images.name
}

output "packages_bucket" {
  description = "Bucket of the functions' code."
  value       = module.storage.packages.name
}

output "tables" {
  description = "Full names of the tables, by the names of the manifests."
  value       = merge([for service in module.service : service.tables]...)
}

output "functions" {
  description = "Functions by `<service>.<function>`, and the addresses of what belongs to each."
  value = { for key, function in local.functions : key => {
    name                  = function.name
    log_group             = function.log_group
    queue_url             = function.queue_url
    dead_letter_queue_url = function.dead_letter_queue_url
  } }
}

output "database" {
  description = "Where the database is and who administrates it; no password."
  value = merge(local.database, {
    administrator        = one(concat(module.database[*].administrator, var.database[*].administrator))
    administrator_secret = one(module.database[*].administrator_secret)
  })
}

output "topic_arn" {
  description = "Topic of all alarms."
  value       = module.observability.topic_arn
}

output "alarms" {
  description = "Names of all alarms."
  value       = sort(concat(module.observability.alarm_names, module.bus.alarm_names, flatten([for service in module.service : service.alarm_names])))
}

output "dashboards" {
  description = "Addresses of the dashboards."
  value       = module.observability.dashboards
}

output "secrets_operator_policy_arn" {
  description = "The policy of whoever may set secrets."
  value       = module.secrets.operator_policy_arn
}
