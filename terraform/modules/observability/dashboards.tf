# What the dashboards show. A graph is a title, a statistic and metrics; three widgets make a row.

locals {
  arn = "arn:aws:cloudwatch:${var.region}:${var.account}:alarm:"

  api_graphs = [
    {
      title   = "API: requests and errors"
      stat    = "Sum"
      metrics = [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", var.api_id]]
    },
    {
      title   = "API: latency (ms)"
      stat    = "p95"
      metrics = [for stat in ["p50", "p95"] : ["AWS/ApiGateway", "Latency", "ApiId", var.api_id, { stat = stat, label = stat }]]
    },
  ]

  pipeline_graphs = [
    {
      title   = "How far behind projections are (ms, p95)"
      stat    = "p95"
      metrics = [for service in local.projecting : ["Collections", "ProjectionLag", "environment", var.environment, "service", service, { label = service }]]
    },
    {
      title   = "Events handled"
      stat    = "Sum"
      metrics = [for service in local.projecting : ["Collections", "EventsHandled", "environment", var.environment, "service", service, { label = service }]]
    },
    {
      title   = "Messages waiting"
      stat    = "Maximum"
      metrics = [for key, function in local.consumers : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", function.queue_name, { label = key }]]
    },
    {
      title   = "Age of the oldest message (s)"
      stat    = "Maximum"
      metrics = [for key, function in local.consumers : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", function.queue_name, { label = key }]]
    },
    {
      title   = "Dead letters"
      stat    = "Maximum"
      metrics = [for key, function in local.consumers : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", function.dead_letter_queue_name, { label = key }]]
    },
    {
      title   = "Errors of functions"
      stat    = "Sum"
      metrics = [for key, function in local.functions : ["AWS/Lambda", "Errors", "FunctionName", function.name, { label = key }]]
    },
    {
      title   = "Throttles"
      stat    = "Sum"
      metrics = [for key, function in local.functions : ["AWS/Lambda", "Throttles", "FunctionName", function.name, { label = key }]]
    },
  ]

  database_graphs = flatten([for database in var.database[*] : [
    {
      title   = "Database: connections"
      stat    = "Maximum"
      metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", database.identifier]]
    },
    {
      title = "Database: processor (%) and credits"
      stat  = "Average"
      metrics = [
        ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", database.identifier],
        ["AWS/RDS", "CPUCreditBalance", "DBInstanceIdentifier", database.identifier, { yAxis = "right" }],
      ]
    },
    {
      title   = "Database: free storage (bytes)"
      stat    = "Minimum"
      metrics = [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", database.identifier]]
    },
  ]])

  service_graphs = { for service, parts in var.services : service => concat(
    [
      {
        title   = "Invocations"
        stat    = "Sum"
        metrics = [for key, function in parts.functions : ["AWS/Lambda", "Invocations", "FunctionName", function.name, { label = key }]]
      },
      {
        title = "Errors and throttles"
        stat  = "Sum"
        metrics = flatten([for key, function in parts.functions : [for metric in ["Errors", "Throttles"] : {
          row = ["AWS/Lambda", metric, "FunctionName", function.name, { label = "${key}: ${lower(metric)}" }]
        }]])[*].row
      },
      {
        title   = "Duration (ms, p95)"
        stat    = "p95"
        metrics = [for key, function in parts.functions : ["AWS/Lambda", "Duration", "FunctionName", function.name, { label = key }]]
      },
      {
        title   = "At work at once"
        stat    = "Maximum"
        metrics = [for key, function in parts.functions : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", function.name, { label = key }]]
      },
    ],
    flatten([for key, function in parts.functions : [
      {
        title = "Queue of ${key}"
        stat  = "Maximum"
        metrics = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", function.queue_name, { label = "waiting" }],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", function.dead_letter_queue_name, { label = "dead letters" }],
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", function.queue_name, { label = "age of the oldest (s)", yAxis = "right" }],
        ]
      },
    ] if function.queue_name != null]),
    flatten([for name in [service] : [
      {
        title   = "Events"
        stat    = "Sum"
        metrics = [for metric in ["EventsHandled", "EventsSkipped", "EventsRetried", "EventsDeadLettered"] : ["Collections", metric, "environment", var.environment, "service", name]]
      },
      {
        title   = "Behind (ms, p95)"
        stat    = "p95"
        metrics = [["Collections", "ProjectionLag", "environment", var.environment, "service", name]]
      },
    ] if contains(local.projecting, name)]),
  ) }

  pipeline_widgets = [for place, widget in concat(
    local.shown["pipeline"],
    [for title, names in merge(
      { "the platform" = concat(values(aws_cloudwatch_metric_alarm.this)[*].alarm_name, var.other_alarms) },
      { for service, parts in var.services : service => parts.alarm_names },
      ) : {
      type       = "alarm"
      properties = { title = "Alarms of ${title}", alarms = [for name in names : "${local.arn}${name}"] }
    }],
  ) : merge(widget, local.places[place])]

  service_widgets = { for service, parts in var.services : service => [for place, widget in concat(
    local.shown[service],
    [
      {
        type       = "alarm"
        properties = { title = "Alarms", alarms = [for name in parts.alarm_names : "${local.arn}${name}"] }
      },
      {
        type = "log"
        properties = {
          title  = "Last errors"
          region = var.region
          view   = "table"
          query = join("\n", concat(
            [for function in parts.functions : "SOURCE '${function.log_group}' |"],
            ["fields @timestamp, function_name, message, exception_name | filter level in ['ERROR', 'CRITICAL'] | sort @timestamp desc | limit 20"],
          ))
        }
      },
    ],
  ) : merge(widget, local.places[place])] }

  # The graphs of each dashboard as widgets, not placed yet.
  shown = { for dashboard, graphs in merge(local.service_graphs, {
    pipeline = concat(local.pipeline_graphs, local.api_graphs, local.database_graphs)
    }) : dashboard => [for graph in graphs : {
    type       = "metric"
    properties = merge(graph, { region = var.region, view = "timeSeries", period = 300 })
  }] }
  places = [for place in range(48) : { x = (place % 3) * 8, y = floor(place / 3) * 6, width = 8, height = 6 }]
}
