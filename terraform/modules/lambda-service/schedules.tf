# Schedules: rules of the default bus that start a function.

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each = local.schedules

  name                = local.functions[each.key].name
  schedule_expression = each.value
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each = local.schedules

  rule      = aws_cloudwatch_event_rule.schedule[each.key].name
  target_id = "function"
  arn       = aws_lambda_function.main[each.key].arn
  input = jsonencode({
    source   = "collections.schedule"
    service  = local.service
    function = each.key
  })

  # The next run does the same work, so a late start is useless: fail early instead.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 5
  }

  dead_letter_config {
    arn = var.context.schedules_dead_letter_queue_arn
  }

  depends_on = [aws_lambda_permission.schedule]
}

resource "aws_lambda_permission" "schedule" {
  for_each = local.schedules

  statement_id  = "schedule"
  function_name = aws_lambda_function.main[each.key].function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[each.key].arn
}

resource "aws_lambda_function_event_invoke_config" "schedule" {
  for_each = local.schedules

  function_name          = aws_lambda_function.main[each.key].function_name
  maximum_retry_attempts = 0
}
