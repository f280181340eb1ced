output "id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "execution_arn" {
  description = "The source ARN for permissions to invoke functions."
  value       = aws_apigatewayv2_api.this.execution_arn
}

output "authorizer_id" {
  description = "Id of the authorizer `users`."
  value       = aws_apigatewayv2_authorizer.users.id
}

output "url" {
  description = "Base of all routes, no slash at the end."
  value = (
    var.domain != null ? "https://${var.domain.name}" :
    var.distribution ? "https://${aws_cloudfront_distribution.this[0].domain_name}" :
    aws_apigatewayv2_api.this.api_endpoint
  )
}

output "domain_target" {
  description = "The target of the domain's CNAME where Route 53 does not host it; null without a domain."
  value = one(concat(
    [for domain in aws_apigatewayv2_domain_name.this : domain.domain_name_configuration[0].target_domain_name],
    [for domain in local.distribution_domains : aws_cloudfront_distribution.this[0].domain_name],
  ))
}
