# Routes of the HTTP API, one integration for each function that has some.

locals {
  routed = toset([for name, function in local.functions : name if function.trigger == "routes"])
}

resource "aws_apigatewayv2_integration" "main" {
  for_each = local.routed

  api_id                 = var.context.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.main[each.key].arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "main" {
  #checkov:skip=CKV_AWS_309:The manifest says which routes need no token: health, version and the API's own documentation
  for_each = local.routes

  api_id             = var.context.api.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.main[each.value.function].id}"
  authorization_type = each.value.auth == "none" ? "NONE" : "JWT"
  authorizer_id      = each.value.auth == "none" ? null : var.context.api.authorizer_id
}

resource "aws_lambda_permission" "api" {
  for_each = local.routed

  statement_id  = "api"
  function_name = aws_lambda_function.main[each.key].function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  # Any stage and route of this API.
  source_arn = "${var.context.api.execution_arn}/*/*"
}
