output "topic_arn" {
  description = "The topic that every alarm goes to."
  value       = local.topic_arn
  depends_on  = [aws_sns_topic.alarms, aws_sns_topic_policy.alarms]
}

output "alarm_names" {
  description = "Names of the alarms created here."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}

output "dashboards" {
  description = "Addresses of the dashboards, by name."
  value = {
    for name in concat([aws_cloudwatch_dashboard.pipeline.dashboard_name], [for dashboard in aws_cloudwatch_dashboard.service : dashboard.dashboard_name]) :
    trimprefix(name, "${local.name}-") => "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${name}"
  }
}
