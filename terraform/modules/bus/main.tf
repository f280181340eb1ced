# The event bus, its archive, the role of operators, and the dead-letter queue of scheduled invocations.

locals {
  name        = "collections-${var.environment}"
  dead_letter = "${local.name}-schedules-dlq"
}

resource "aws_cloudwatch_event_bus" "main" {
  name = local.name
}

# No replayed copies: each is for one consumer, and the original is archived already.
resource "aws_cloudwatch_event_archive" "main" {
  name             = local.name
  event_source_arn = aws_cloudwatch_event_bus.main.arn
  retention_days   = var.archive_days
  event_pattern    = jsonencode({ detail = { replayfor = [{ exists = false }] } })
}

# Orders are events: whoever has this role may put those of operators on the bus, and nothing else.
resource "aws_iam_role" "operators" {
  name        = "${local.name}-operators"
  description = "For operators: orders are events, and these may be put on the bus."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account}:root" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "operators" {
  name = "declared"
  role = aws_iam_role.operators.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = [aws_cloudwatch_event_bus.main.arn]
      # A request has several events: all of them must be such, and there must be at least one.
      Condition = {
        "ForAllValues:StringEquals" = { "events:source" = "collections.operator", "events:detail-type" = var.orders }
        Null                        = { "events:source" = "false", "events:detail-type" = "false" }
      }
    }]
  })
}

resource "aws_sqs_queue" "schedules" {
  name                      = local.dead_letter
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = true
  max_message_size          = 1024 * 1024
}

resource "aws_sqs_queue_policy" "schedules" {
  queue_url = aws_sqs_queue.schedules.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.schedules.arn
        Condition = { ArnLike = {
          "aws:SourceArn" = "arn:aws:events:${var.region}:${var.account}:rule/${local.name}-*"
        } }
      },
      {
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.schedules.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_cloudwatch_metric_alarm" "schedules" {
  alarm_name          = "${local.name}-schedules-dead-letters"
  alarm_description   = "A scheduled run could not be started; ${local.dead_letter} says which."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.schedules.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarms_topic_arn]
  ok_actions          = [var.alarms_topic_arn]
}
