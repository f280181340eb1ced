output "service" {
  description = "The service as lambda-service describes it: functions, rules, routes, tables, alarms."
  value       = module.service
}
