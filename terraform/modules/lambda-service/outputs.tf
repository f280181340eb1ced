output "service" {
  description = "Name of the service."
  value       = local.service
}

output "functions" {
  description = "The functions by name, with their resources; absent ones are null."
  value = { for name, function in local.functions : name => {
    name                   = aws_lambda_function.main[name].function_name
    arn                    = aws_lambda_function.main[name].arn
    role_name              = aws_iam_role.main[name].name
    role_arn               = aws_iam_role.main[name].arn
    log_group              = aws_cloudwatch_log_group.main[name].name
    trigger                = function.trigger
    timeout_s              = function.timeout_s
    queue_name             = try(aws_sqs_queue.main[name].name, null)
    queue_arn              = try(aws_sqs_queue.main[name].arn, null)
    queue_url              = try(aws_sqs_queue.main[name].url, null)
    dead_letter_queue_name = try(aws_sqs_queue.dead_letter[name].name, null)
    dead_letter_queue_url  = try(aws_sqs_queue.dead_letter[name].url, null)
    variables              = sort(keys(local.variables[name]))
  } }
}

output "rules" {
  description = "Rules by name, and what each matches or when it fires: `pattern` is JSON, `schedule` an expression."
  value = merge(
    { for rule in values(local.bus_rules) : rule.name => {
      function = rule.function, bus = var.context.bus.name, pattern = rule.pattern, schedule = null
    } },
    { for rule in values(local.replayed_rules) : rule.name => {
      function = rule.function, bus = var.context.bus.name, pattern = rule.pattern, schedule = null
    } },
    { for rule in values(local.aws_rules) : rule.name => {
      function = rule.function, bus = "default", pattern = rule.pattern, schedule = null
    } },
    { for name, schedule in local.schedules : local.functions[name].name => {
      function = name, bus = "default", pattern = null, schedule = schedule
    } },
  )
}

output "routes" {
  description = "Routes by key, such as `GET /items`: the function, and whether a token is needed (`jwt`) or not (`none`)."
  value       = local.routes
}

output "tables" {
  description = "Full names of the tables, by the names of the manifest."
  value       = module.tables.names
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.main : alarm.alarm_name])
}
