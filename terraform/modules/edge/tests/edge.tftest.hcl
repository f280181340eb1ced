mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:access" }
  }
}

variables {
  environment = "test"
  cors = {
    origins         = ["https://app.example.com"]
    methods         = ["GET", "OPTIONS", "PUT"]
    headers         = ["authorization"]
    exposed_headers = ["location"]
  }
  throttling         = { rate = 100, burst = 200 }
  issuer             = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
  audience           = ["client"]
  log_retention_days = 14
}

run "what_pages_may_do" {
  assert {
    condition     = aws_apigatewayv2_api.this.cors_configuration[0].allow_methods == toset(["GET", "OPTIONS", "PUT"]) && aws_apigatewayv2_api.this.cors_configuration[0].allow_headers == toset(["authorization"])
    error_message = "Pages may use the methods and headers that are given."
  }
}

run "limits_tokens_and_logs" {
  assert {
    condition     = aws_apigatewayv2_authorizer.users.jwt_configuration[0].issuer == var.issuer && aws_apigatewayv2_authorizer.users.jwt_configuration[0].audience == toset(["client"])
    error_message = "The authorizer accepts tokens of our pool for our client."
  }
  assert {
    condition     = aws_apigatewayv2_stage.default.default_route_settings[0].throttling_rate_limit == 100 && aws_apigatewayv2_stage.default.default_route_settings[0].throttling_burst_limit == 200
    error_message = "The platform's limits hold for every route."
  }
  assert {
    condition     = aws_cloudwatch_log_group.access.retention_in_days == 14 && !strcontains(aws_apigatewayv2_stage.default.access_log_settings[0].format, "$context.path")
    error_message = "The access log expires and names routes, not paths."
  }
  assert {
    condition     = length(aws_apigatewayv2_domain_name.this) == 0 && output.domain_target == null
    error_message = "Without a domain there is none."
  }
}

run "domain_in_route_53" {
  variables {
    domain = {
      name            = "api.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
      zone_id         = "Z1"
    }
  }

  assert {
    condition     = output.url == "https://api.example.com" && aws_route53_record.this["api.example.com"].type == "A"
    error_message = "The domain has a record in its zone and is the API's address."
  }
  assert {
    condition     = aws_apigatewayv2_domain_name.this["api.example.com"].domain_name_configuration[0].security_policy == "TLS_1_2"
    error_message = "TLS 1.2 is the minimum."
  }
}

run "domain_managed_elsewhere" {
  variables {
    domain = {
      name            = "api.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  assert {
    condition     = length(aws_route53_record.this) == 0 && output.domain_target != null
    error_message = "Without a zone the target is an output instead."
  }
}

run "every_answer_is_readable_behind_a_distribution" {
  variables {
    distribution = true
  }

  assert {
    condition = alltrue([for policy in aws_cloudfront_response_headers_policy.cors[0].cors_config : alltrue([
      policy.origin_override,
      policy.access_control_allow_origins[0].items == toset(var.cors.origins),
      policy.access_control_allow_methods[0].items == toset(var.cors.methods),
      policy.access_control_allow_headers[0].items == toset(var.cors.headers),
      policy.access_control_expose_headers[0].items == toset(var.cors.exposed_headers),
    ])])
    error_message = "Every answer has the headers that functions' answers have."
  }
  assert {
    condition = (
      aws_cloudfront_distribution.this[0].default_cache_behavior[0].cache_policy_id == data.aws_cloudfront_cache_policy.disabled[0].id &&
      aws_cloudfront_distribution.this[0].default_cache_behavior[0].viewer_protocol_policy == "https-only"
    )
    error_message = "Nothing is cached, and nothing is sent in the clear."
  }
  assert {
    condition     = output.url == "https://${aws_cloudfront_distribution.this[0].domain_name}" && output.domain_target == null
    error_message = "The distribution is the API's address."
  }
}

run "domain_of_the_distribution" {
  variables {
    distribution = true
    domain = {
      name            = "api.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
      zone_id         = "Z1"
    }
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this[0].aliases == toset(["api.example.com"]) &&
      aws_cloudfront_distribution.this[0].viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" &&
      length(aws_apigatewayv2_domain_name.this) == 0
    )
    error_message = "The domain is the distribution's, over TLS 1.2 at least."
  }
  assert {
    condition     = output.url == "https://api.example.com" && output.domain_target == aws_cloudfront_distribution.this[0].domain_name && aws_route53_record.this["api.example.com"].alias[0].name == output.domain_target
    error_message = "The domain leads to the distribution."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    distribution = true
    domain = {
      name            = "api.example.com"
      certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    }
  }

  expect_failures = [aws_cloudfront_distribution.this]
}
