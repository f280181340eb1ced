# Alarms by name, without the service's prefix: rules as data, and one resource for all of them.

locals {
  # Those that work by operators' orders alone: whoever orders follows the work, and what fails becomes a dead letter.
  ordered = toset([for item in local.consumes :
    item.function if startswith(coalesce(try(item.event, null), "aws"), "collections.operator.")
  ])

  function_alarms = merge([for name, function in local.functions : {
    "${name}-errors" = {
      description = "${function.name} failed."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = function.name }
      statistic   = "Sum"
      threshold   = 0
      period_s    = 300
      periods     = 1
    }
    "${name}-duration" = {
      description = "One run in twenty of ${function.name} takes more than 80 % of its ${function.timeout_s} s."
      namespace   = "AWS/Lambda"
      metric      = "Duration"
      dimensions  = { FunctionName = function.name }
      statistic   = "p95"
      threshold   = 0.8 * 1000 * function.timeout_s
      period_s    = 300
      periods     = 3
    }
  } if !contains(local.ordered, name)]...)

  # Somebody waits for the answer. What a queue or a schedule starts is only later for it, which other alarms notice.
  throttle_alarms = { for name, function in local.functions : "${name}-throttles" => {
    description = "${function.name} was throttled: invocations exceed the account's concurrency."
    namespace   = "AWS/Lambda"
    metric      = "Throttles"
    dimensions  = { FunctionName = function.name }
    statistic   = "Sum"
    threshold   = 0
    period_s    = 300
    periods     = 1
  } if function.trigger == "routes" }

  queue_alarms = merge(concat([for name, queue in local.queues : {
    "${name}-dead-letters" = {
      description = "Messages are in ${queue.dead_letter}: their attributes state why, unless the function crashed."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter }
      statistic   = "Maximum"
      threshold   = 0
      period_s    = 60
      periods     = 1
    }
    }], [for name, queue in local.queues : {
    "${name}-age" = {
      description = "The oldest message in ${queue.name} waits too long: its consumer fails or cannot keep up."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      # Ten minutes, or what a message needs whose first handler crashed.
      threshold = max(600, queue.visibility_s + local.functions[name].timeout_s)
      period_s  = 300
      periods   = 1
    }
  } if !contains(local.ordered, name)])...)

  service_alarms = merge(
    { for name in length(local.queues) > 0 ? ["projection-lag"] : [] : name => {
      description = "Events reach ${local.service} more than 5 minutes after they happened."
      namespace   = "Collections"
      metric      = "ProjectionLag"
      dimensions  = { environment = var.context.environment, service = local.service }
      statistic   = "Maximum"
      threshold   = 5 * 60 * 1000
      period_s    = 300
      periods     = 1
    } },
    { for name in length(try(var.manifest.publishes, [])) > 0 ? ["outbox-parked"] : [] : name => {
      description = "The bus has refused events of ${local.service}: `mesh outbox list --env ${var.context.environment}` says why."
      namespace   = "Collections"
      metric      = "OutboxParked"
      dimensions  = { environment = var.context.environment, service = local.service }
      statistic   = "Maximum"
      threshold   = 0
      period_s    = 300
      periods     = 1
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each = merge(local.function_alarms, local.throttle_alarms, local.queue_alarms, local.service_alarms)

  alarm_name          = "${local.prefix}${local.service}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period_s
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.context.alarms_topic_arn]
  ok_actions          = [var.context.alarms_topic_arn]
}
