locals {
  name           = "collections-${var.environment}"
  cors_max_age_s = 3600

  # The domain is the distribution's where there is one, the API's otherwise.
  api_domains          = { for domain in var.domain[*] : domain.name => domain if !var.distribution }
  distribution_domains = { for domain in var.domain[*] : domain.name => domain if var.distribution }
}

resource "aws_apigatewayv2_api" "this" {
  name          = local.name
  protocol_type = "HTTP"
  description   = "Routes are those of the services' manifests."

  cors_configuration {
    allow_origins  = var.cors.origins
    allow_methods  = var.cors.methods
    allow_headers  = var.cors.headers
    expose_headers = var.cors.exposed_headers
    max_age        = local.cors_max_age_s
  }

  tags = var.tags
}

resource "aws_apigatewayv2_authorizer" "users" {
  api_id           = aws_apigatewayv2_api.this.id
  name             = "users"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.issuer
    audience = var.audience
  }
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with its own key; a key of ours costs a dollar a month and adds no protection
  #checkov:skip=CKV_AWS_338:Two weeks find the cause of a fault; what must be kept is an event
  # With this prefix API Gateway needs no statement in the account's log policy, whose size is limited.
  name              = "/aws/vendedlogs/apigateway/${local.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.throttling.rate
    throttling_burst_limit = var.throttling.burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # The route, not the path: paths hold ids of items and conversations.
    format = jsonencode({
      time                = "$context.requestTime"
      request_id          = "$context.requestId"
      source_ip           = "$context.identity.sourceIp"
      route               = "$context.routeKey"
      status              = "$context.status"
      bytes               = "$context.responseLength"
      latency_ms          = "$context.responseLatency"
      integration_ms      = "$context.integrationLatency"
      integration_request = "$context.integration.requestId"
      integration_status  = "$context.integration.status"
      error               = "$context.error.message"
      authorizer_error    = "$context.authorizer.error"
      integration_error   = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_apigatewayv2_domain_name" "this" {
  for_each = local.api_domains

  domain_name = each.key
  domain_name_configuration {
    certificate_arn = each.value.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  for_each = aws_apigatewayv2_domain_name.this

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = each.value.id
  stage       = aws_apigatewayv2_stage.default.id
}

resource "aws_route53_record" "this" {
  for_each = { for domain in var.domain[*] : domain.name => domain if domain.zone_id != null }

  zone_id = each.value.zone_id
  name    = each.key
  type    = "A"
  alias {
    name = (
      var.distribution
      ? aws_cloudfront_distribution.this[0].domain_name
      : aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].target_domain_name
    )
    zone_id = (
      var.distribution
      ? aws_cloudfront_distribution.this[0].hosted_zone_id
      : aws_apigatewayv2_domain_name.this[each.key].domain_name_configuration[0].hosted_zone_id
    )
    evaluate_target_health = false
  }
}
