output "user_pool_id" {
  description = "Id of the user pool."
  value       = aws_cognito_user_pool.this.id
}

output "client_id" {
  description = "Id of the client that users sign in with."
  value       = aws_cognito_user_pool_client.this.id
}

output "issuer" {
  description = "Issuer of the pool's tokens."
  value       = "https://cognito-idp.${var.region}.amazonaws.com/${aws_cognito_user_pool.this.id}"
}

output "hosted_ui_url" {
  description = "Where the sign-in pages are; null without them."
  value       = one([for domain in aws_cognito_user_pool_domain.this : "https://${domain.domain}.auth.${var.region}.amazoncognito.com"])
}
