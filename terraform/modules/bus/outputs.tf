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
  description = "The queue of runs that no schedule could start."
  # Together with its policy: a rule that names the queue may rely on being let in.
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
