output "bus" {
  description = "Name and ARN of the event bus."
  value = {
    name = aws_cloudwatch_event_bus.main.name
    arn  = aws_cloudwatch_event_bus.main.arn
  }
}

output "archive" {
  description = "Name of the archive."
  value       = aws_cloudwatch_event_archive.main.name
}

output "schedules_dead_letter_queue" {
  description = "The dead-letter queue of scheduled invocations."
  # Together with its policy, so that a rule with this queue as target may send to it.
  depends_on = [aws_sqs_queue_policy.schedules]
  value = {
    name = aws_sqs_queue.schedules.name
    arn  = aws_sqs_queue.schedules.arn
    url  = aws_sqs_queue.schedules.url
  }
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = [aws_cloudwatch_metric_alarm.schedules.alarm_name]
}

output "operators_role_arn" {
  description = "The role that may publish operators' events."
  value       = aws_iam_role.operators.arn
}
