# The functions, each with its own log group and role.

resource "aws_cloudwatch_log_group" "main" {
  #checkov:skip=CKV_AWS_158:Encrypted with a key of CloudWatch; one of ours costs 1 USD a month, and logs hold no secret
  #checkov:skip=CKV_AWS_338:Logs are for finding faults; what must be kept is in the event store
  for_each = local.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.context.platform.logs.retention_days
}

resource "aws_iam_role" "main" {
  for_each = local.functions

  name = each.value.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "declared" {
  for_each = local.functions

  name   = "declared"
  role   = aws_iam_role.main[each.key].name
  policy = local.policies[each.key]
}

resource "aws_lambda_function" "main" {
  #checkov:skip=CKV_AWS_50:Tracing is declared by function in the manifest; traces cost by their number
  #checkov:skip=CKV_AWS_115:Consumers are bounded by their event source mapping; a reservation would reduce the concurrency of all others
  #checkov:skip=CKV_AWS_116:Nothing is lost when a schedule's run fails, for the next one does the same; queues have theirs
  #checkov:skip=CKV_AWS_117:No VPC: the functions reach AWS and the providers of models over TLS, and a NAT costs 32 USD a month
  #checkov:skip=CKV_AWS_173:Variables hold no secret, so the key that AWS manages will do
  #checkov:skip=CKV_AWS_272:A package is named by its checksum, in a bucket that only deployments write to
  for_each = local.functions

  function_name = each.value.name
  description   = var.manifest.summary
  role          = aws_iam_role.main[each.key].arn
  runtime       = var.context.platform.runtime
  architectures = [var.context.platform.architecture]
  handler       = each.value.handler
  memory_size   = each.value.memory_mb
  timeout       = each.value.timeout_s
  s3_bucket     = var.context.packages["${local.service}.${each.key}"].bucket
  s3_key        = var.context.packages["${local.service}.${each.key}"].key
  # Compared with what Lambda runs, which `mesh deploy` changes as well; `source_code_hash` reflects Terraform's own updates only.
  code_sha256 = var.context.packages["${local.service}.${each.key}"].sha256

  environment {
    variables = local.variables[each.key]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.main[each.key].name
  }

  dynamic "tracing_config" {
    for_each = each.value.tracing ? ["Active"] : []
    content {
      mode = tracing_config.value
    }
  }

  lifecycle {
    precondition {
      condition     = length("${each.value.name}-replayed") <= 64
      error_message = "${each.value.name} is too long: with -replayed behind it, 64 characters are the limit."
    }
  }

  # Schedules and routes may invoke it at once: its permissions are created before it and destroyed after it.
  depends_on = [aws_iam_role_policy.declared]
}
