output "registry" {
  description = "Name of the registry."
  value       = aws_schemas_registry.main.name
}

output "schemas" {
  description = "Names of the schemas, which are the event types."
  value       = sort([for schema in aws_schemas_schema.contract : schema.name])
}
