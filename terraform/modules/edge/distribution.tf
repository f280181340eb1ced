# A CloudFront distribution in front of the API, for pages of other origins: it puts CORS headers also into what the API
# answers by itself (401, 404, 413, 429, 503), which an HTTP API does not. Nothing is cached.

data "aws_cloudfront_cache_policy" "disabled" {
  count = var.distribution ? 1 : 0
  name  = "Managed-CachingDisabled"
}

# All of the request but Host, by which the API is found.
data "aws_cloudfront_origin_request_policy" "whole_request" {
  count = var.distribution ? 1 : 0
  name  = "Managed-AllViewerExceptHostHeader"
}

resource "aws_cloudfront_response_headers_policy" "cors" {
  count = var.distribution ? 1 : 0

  name    = "${local.name}-cors"
  comment = "As the API's own, for every answer."

  cors_config {
    origin_override                  = true
    access_control_allow_credentials = false
    access_control_max_age_sec       = local.cors_max_age_s

    access_control_allow_origins {
      items = var.cors.origins
    }
    access_control_allow_methods {
      items = var.cors.methods
    }
    access_control_allow_headers {
      items = var.cors.headers
    }
    access_control_expose_headers {
      items = var.cors.exposed_headers
    }
  }

  security_headers_config {
    strict_transport_security {
      override                   = true
      access_control_max_age_sec = 365 * 24 * 3600
      include_subdomains         = true
      preload                    = true
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_68:A firewall costs more than the environment; the API throttles
  #checkov:skip=CKV2_AWS_47:A firewall costs more than the environment, and nothing here runs Java
  #checkov:skip=CKV_AWS_86:The API's access log has every request, without paths
  #checkov:skip=CKV_AWS_174:TLS 1.2 is demanded wherever the certificate is ours; with CloudFront's own that cannot be set
  #checkov:skip=CKV2_AWS_42:Without a domain there is no certificate of ours
  #checkov:skip=CKV_AWS_305:An API has no document at its root that could be left out
  #checkov:skip=CKV_AWS_310:The API is the only origin
  #checkov:skip=CKV_AWS_374:Users may be in any country of the world
  count = var.distribution ? 1 : 0

  comment         = local.name
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = "PriceClass_100"
  aliases         = keys(local.distribution_domains)

  origin {
    origin_id   = "api"
    domain_name = trimprefix(aws_apigatewayv2_api.this.api_endpoint, "https://")

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      # As long as the API itself waits for a function.
      origin_read_timeout = 30
    }
  }

  default_cache_behavior {
    target_origin_id           = "api"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = data.aws_cloudfront_cache_policy.disabled[0].id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.whole_request[0].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.cors[0].id
  }

  viewer_certificate {
    cloudfront_default_certificate = length(local.distribution_domains) == 0
    acm_certificate_arn            = one([for domain in local.distribution_domains : domain.certificate_arn])
    minimum_protocol_version       = length(local.distribution_domains) == 0 ? null : "TLSv1.2_2021"
    ssl_support_method             = length(local.distribution_domains) == 0 ? null : "sni-only"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  lifecycle {
    precondition {
      condition     = alltrue([for domain in local.distribution_domains : startswith(domain.certificate_arn, "arn:aws:acm:us-east-1:")])
      error_message = "CloudFront takes certificates of us-east-1 only: request the domain's certificate there."
    }
  }
}
