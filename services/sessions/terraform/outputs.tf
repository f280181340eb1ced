output "service" {
  description = "Name of the service."
  value       = module.service.service
}

output "functions" {
  description = "The functions by name, and what belongs to each; what a function has not is null."
  value       = module.service.functions
}

output "rules" {
  description = "Rules by name, and what each matches or when it fires."
  value       = module.service.rules
}

output "routes" {
  description = "Routes by key: the function, and whether a token is needed."
  value       = module.service.routes
}

output "tables" {
  description = "Full names of the tables, by the names of the manifest."
  value       = module.service.tables
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = module.service.alarm_names
}
