output "names" {
  description = "Full names of the tables, by the names of the manifest."
  value       = { for name, table in aws_dynamodb_table.main : name => table.name }
}

output "arns" {
  description = "ARNs of the tables, by the names of the manifest."
  value       = { for name, table in aws_dynamodb_table.main : name => table.arn }
}
