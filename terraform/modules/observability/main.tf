locals {
  name      = "collections-${var.environment}"
  topic_arn = "arn:aws:sns:${var.region}:${var.account}:${local.name}-alarms"

  functions = merge([
    for service, parts in var.services : { for key, function in parts.functions : "${service}.${key}" => function }
  ]...)
  consumers = { for key, function in local.functions : key => function if function.queue_name != null }
  # Services that consume events, whose projections can lag behind.
  projecting = toset([for service, parts in var.services : service if anytrue([for function in parts.functions : function.queue_name != null])])

  alarms = merge(
    {
      "api-faults" = {
        description = "The API answers with errors of its own (5xx)."
        namespace   = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = var.api_id }
        statistic   = "Sum", operator = "GreaterThanOrEqualToThreshold", threshold = 3, periods = 1
      }
      "api-latency" = {
        # A turn of a conversation may take 24 s and is rare: one request in twenty that slow is another matter.
        description = "One request in twenty takes more than 20 s; the gateway gives up after 30 s."
        namespace   = "AWS/ApiGateway", metric = "Latency", dimensions = { ApiId = var.api_id }
        statistic   = "p95", operator = "GreaterThanThreshold", threshold = 20000, periods = 3
      }
    },
    merge([for database in var.database[*] : {
      "database-connections" = {
        description = "Four fifths of the database's connections are in use; functions that find none fail and try again."
        namespace   = "AWS/RDS", metric = "DatabaseConnections", dimensions = { DBInstanceIdentifier = database.identifier }
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = floor(database.connections * 0.8), periods = 2
      }
      "database-storage" = {
        # It grows by itself at a tenth left, so less than that means that it is at its cap or has just grown.
        description = "Less than 1.5 GB of the database's storage is free."
        namespace   = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = database.identifier }
        statistic   = "Minimum", operator = "LessThanThreshold", threshold = 1500000000, periods = 2
      }
    }]...),
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "pipeline" {
  dashboard_name = "${local.name}-pipeline"
  dashboard_body = jsonencode({ widgets = local.pipeline_widgets })
}

resource "aws_cloudwatch_dashboard" "service" {
  for_each = var.service_dashboards ? var.services : {}

  dashboard_name = "${local.name}-${each.key}"
  dashboard_body = jsonencode({ widgets = local.service_widgets[each.key] })
}
