output "address" {
  description = "The database's address, and how a function signs in."
  value = {
    host        = aws_db_instance.this.address
    port        = aws_db_instance.this.port
    name        = aws_db_instance.this.db_name
    auth        = "iam"
    sslmode     = "verify-full"
    resource_id = aws_db_instance.this.resource_id
  }
}

output "administrator" {
  description = "The role that creates all others."
  value       = aws_db_instance.this.username
}

output "administrator_secret" {
  description = "ARN of the secret with the administrator's password."
  value       = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}

output "identifier" {
  description = "Identifier of the instance, by which CloudWatch names its metrics."
  value       = aws_db_instance.this.identifier
}

output "connections" {
  description = "The minimum number of connections."
  value       = local.connections[var.instance_class]
}
