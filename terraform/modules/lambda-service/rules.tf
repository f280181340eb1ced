# Rules that deliver events to queues: those of our own bus, and those of AWS on the default bus.

locals {
  bus_types = { for name in keys(local.queues) : name => [
    for item in local.consumes : item.event if item.function == name && try(item.event, null) != null
  ] if anytrue([for item in local.consumes : item.function == name && try(item.event, null) != null]) }

  # Live events; and replayed events that name this service, where they have no queue of their own.
  bus_rules = { for name, types in local.bus_types : name => {
    function = name
    name     = local.queues[name].name
    arn      = "arn:aws:events:${local.place}:rule/${var.context.bus.name}/${local.queues[name].name}"
    pattern = jsonencode({
      detail-type = types
      detail = { replayfor = concat(
        [{ exists = false }], [for service in [local.service] : service if !contains(keys(local.replayed), name)],
      ) }
    })
  } }

  replayed_rules = { for name, queue in local.replayed : name => {
    function = name
    name     = queue.name
    arn      = "arn:aws:events:${local.place}:rule/${var.context.bus.name}/${queue.name}"
    pattern  = jsonencode({ detail-type = local.bus_types[name], detail = { replayfor = [local.service] } })
  } }

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

  # ARNs built from names, so that a queue's permissions are visible in the plan. Of those of the main queues.
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

resource "aws_cloudwatch_event_rule" "replayed" {
  for_each = local.replayed_rules

  name           = each.value.name
  event_bus_name = var.context.bus.name
  event_pattern  = each.value.pattern

  # A name that is too long is refused there, with a reason.
  depends_on = [aws_lambda_function.main]
}

resource "aws_cloudwatch_event_target" "replayed" {
  for_each = local.replayed_rules

  rule           = aws_cloudwatch_event_rule.replayed[each.key].name
  event_bus_name = var.context.bus.name
  target_id      = "function"
  arn            = aws_sqs_queue.replayed[each.key].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letter[each.key].arn
  }

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
