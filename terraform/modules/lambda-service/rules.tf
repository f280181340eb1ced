# Rules that deliver events to queues: those of our own bus, and those of AWS on the default bus.

locals {
  # Live events, and replayed events that name this service.
  bus_rules = { for name, queue in local.queues : name => {
    function = name
    name     = queue.name
    arn      = "arn:aws:events:${local.place}:rule/${var.context.bus.name}/${queue.name}"
    pattern = jsonencode({
      detail-type = [for item in local.consumes : item.event if item.function == name && try(item.event, null) != null]
      detail      = { replayfor = [{ exists = false }, local.service] }
    })
  } if anytrue([for item in local.consumes : item.function == name && try(item.event, null) != null]) }

  # The first rule of a function has its name, further ones a number behind it.
  aws_rules = merge([for name, queue in local.queues : {
    for number, event in [for item in local.consumes :
      item.aws_event if item.function == name && try(item.aws_event, null) != null
      ] : number == 0 ? name : "${name}-${number}" => {
      function = name
      name     = number == 0 ? queue.name : "${queue.name}-${number}"
      arn      = "arn:aws:events:${local.place}:rule/${number == 0 ? queue.name : "${queue.name}-${number}"}"
      pattern = jsonencode({
        source      = [event.source]
        detail-type = [event.detail_type]
        detail = {
          bucket = { name = [var.context.images.name] }
          object = { key = [{ wildcard = event.key }] }
        }
      })
    }
  }]...)

  # ARNs built from names, so that a queue's permissions are visible in the plan.
  rules_of = { for name in keys(local.queues) : name => concat(
    [for rule in values(local.bus_rules) : rule.arn if rule.function == name],
    [for rule in values(local.aws_rules) : rule.arn if rule.function == name],
  ) }
}

resource "aws_cloudwatch_event_rule" "bus" {
  for_each = local.bus_rules

  name           = each.value.name
  event_bus_name = var.context.bus.name
  event_pattern  = each.value.pattern
}

resource "aws_cloudwatch_event_target" "bus" {
  for_each = local.bus_rules

  rule           = aws_cloudwatch_event_rule.bus[each.key].name
  event_bus_name = var.context.bus.name
  target_id      = "function"
  arn            = aws_sqs_queue.main[each.value.function].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letter[each.value.function].arn
  }

  # Events that arrive before the queue's policy exists become dead letters.
  depends_on = [aws_sqs_queue_policy.main]
}

resource "aws_cloudwatch_event_rule" "aws" {
  for_each = local.aws_rules

  name          = each.value.name
  event_pattern = each.value.pattern
}

resource "aws_cloudwatch_event_target" "aws" {
  for_each = local.aws_rules

  rule      = aws_cloudwatch_event_rule.aws[each.key].name
  target_id = "function"
  arn       = aws_sqs_queue.main[each.value.function].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letter[each.value.function].arn
  }

  depends_on = [aws_sqs_queue_policy.main]
}
