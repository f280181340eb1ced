# The same in every environment; `mesh infra` saves them for the other commands.

output "environment" {
  description = "Name of the environment."
  value       = module.environment.environment
}

output "region" {
  description = "Region that it is in."
  value       = module.environment.region
}

output "account" {
  description = "Account that it is in."
  value       = module.environment.account
}

output "api_url" {
  description = "Base of all routes, no slash at the end."
  value       = module.environment.api_url
}

output "domain_target" {
  description = "What the API's domain shall point at where Route 53 does not hold it."
  value       = module.environment.domain_target
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.environment.user_pool_id
}

output "client_id" {
  description = "Id of the pool's client."
  value       = module.environment.client_id
}

output "issuer" {
  description = "Issuer of tokens."
  value       = module.environment.issuer
}

output "hosted_ui_url" {
  description = "Where Cognito's sign-in pages are; null without them."
  value       = module.environment.hosted_ui_url
}

output "event_bus" {
  description = "Name of the event bus."
  value       = module.environment.event_bus
}

output "archive" {
  description = "Name of the bus's archive."
  value       = module.environment.archive
}

output "images_bucket" {
  description = "Bucket of pictures."
  value       = module.environment.images_bucket
}

output "packages_bucket" {
  description = "Bucket of the functions' code."
  value       = module.environment.packages_bucket
}

output "tables" {
  description = "Full names of the tables, by the names of the manifests."
  value       = module.environment.tables
}

output "functions" {
  description = "Functions by `<service>.<function>`, and the addresses of what belongs to each."
  value       = module.environment.functions
}

output "database" {
  description = "Where the database is and who administrates it; no password."
  value       = module.environment.database
}

output "topic_arn" {
  description = "Topic of all alarms."
  value       = module.environment.topic_arn
}

output "alarms" {
  description = "Names of all alarms."
  value       = module.environment.alarms
}

output "dashboards" {
  description = "Addresses of the dashboards."
  value       = module.environment.dashboards
}

output "secrets_operator_policy_arn" {
  description = "The policy of whoever may set secrets."
  value       = module.environment.secrets_operator_policy_arn
}
