# The queues in front of each consumer: of live events, of replayed events, and the dead-letter queue of both.

locals {
  queue_policies = merge(
    { for name, queue in local.queues : name => {
      url = aws_sqs_queue.main[name].url, arn = queue.arn, rules = local.rules_of[name]
    } },
    { for name, queue in local.replayed : "${name}-replayed" => {
      url = aws_sqs_queue.replayed[name].url, arn = queue.arn, rules = [local.replayed_rules[name].arn]
    } },
    # Events that a rule cannot deliver go there too.
    { for name, queue in local.queues : "${name}-dlq" => {
      url   = aws_sqs_queue.dead_letter[name].url
      arn   = queue.dead_letter_arn
      rules = concat(local.rules_of[name], [for rule in values(local.replayed_rules) : rule.arn if rule.function == name])
    } },
  )
}

resource "aws_sqs_queue" "main" {
  for_each = local.queues

  name                       = each.value.name
  visibility_timeout_seconds = each.value.visibility_s
  message_retention_seconds  = 4 * 86400
  sqs_managed_sse_enabled    = true
  # The largest event is 256 KiB, plus the envelope.
  max_message_size = 1024 * 1024
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue" "replayed" {
  for_each = local.replayed

  name                       = each.value.name
  visibility_timeout_seconds = each.value.visibility_s
  message_retention_seconds  = 4 * 86400
  sqs_managed_sse_enabled    = true
  max_message_size           = 1024 * 1024
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = local.queues

  name = each.value.dead_letter
  # The maximum, to leave time for an operator.
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = true
  max_message_size          = 1024 * 1024
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  for_each = local.queues

  queue_url = aws_sqs_queue.dead_letter[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns = concat(
      [aws_sqs_queue.main[each.key].arn], [for name, queue in aws_sqs_queue.replayed : queue.arn if name == each.key],
    )
  })
}

resource "aws_sqs_queue_policy" "main" {
  for_each = local.queue_policies

  queue_url = each.value.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = each.value.arn
        Condition = { ArnEquals = { "aws:SourceArn" = each.value.rules } }
      },
      {
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_lambda_event_source_mapping" "main" {
  for_each = local.queues

  event_source_arn        = aws_sqs_queue.main[each.key].arn
  function_name           = aws_lambda_function.main[each.key].arn
  batch_size              = each.value.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = each.value.max_concurrency
  }

  # Lambda refuses a mapping to a queue that the function's role may not read.
  depends_on = [aws_iam_role_policy.declared]
}

resource "aws_lambda_event_source_mapping" "replayed" {
  for_each = local.replayed

  event_source_arn        = aws_sqs_queue.replayed[each.key].arn
  function_name           = aws_lambda_function.main[each.key].arn
  batch_size              = each.value.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = each.value.max_concurrency
  }

  depends_on = [aws_iam_role_policy.declared]
}
