mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/1", key_id = "1" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:collections-test-alarms" }
  }
}

variables {
  environment = "test"
  region      = "us-east-1"
  account     = "123456789012"
  emails      = ["operator@example.com"]
  api_id      = "api"
  database    = { identifier = "collections-test", connections = 80 }
  services = {
    search = {
      functions = {
        events = { name = "collections-test-search-events", log_group = "/aws/lambda/collections-test-search-events", queue_name = "collections-test-search-events", dead_letter_queue_name = "collections-test-search-events-dlq" }
        http   = { name = "collections-test-search-http", log_group = "/aws/lambda/collections-test-search-http" }
      }
      alarm_names = ["collections-test-search-http-errors"]
    }
    idle = {
      functions   = { http = { name = "collections-test-idle-http", log_group = "/aws/lambda/collections-test-idle-http" } }
      alarm_names = ["collections-test-idle-http-errors"]
    }
  }
}

run "topic_is_encrypted_and_takes_alarms_only" {
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.alarms.arn && output.topic_arn == aws_sns_topic.alarms.arn
    error_message = "The topic has its own key, and its ARN is the output."
  }
  assert {
    condition = {
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement : statement.Sid => try(statement.Principal.Service, statement.Principal)
    } == { Alarms = "cloudwatch.amazonaws.com", Budgets = "budgets.amazonaws.com", TlsOnly = "*" }
    error_message = "Only CloudWatch and Budgets publish."
  }
  assert {
    condition     = keys(aws_sns_topic_subscription.email) == ["operator@example.com"]
    error_message = "The operator is subscribed."
  }
}

run "every_alarm_notifies" {
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([output.topic_arn])])
    error_message = "Alarms go to the topic."
  }
  assert {
    condition = output.alarm_names == tolist([
      "collections-test-api-faults", "collections-test-api-latency", "collections-test-database-connections",
      "collections-test-database-storage",
    ])
    error_message = "API and database are monitored; alarms on functions, queues and projections belong to the services."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-connections"].threshold == 64
    error_message = "Four fifths of the connections."
  }
}

run "dashboards_show_what_there_is" {
  assert {
    condition     = keys(output.dashboards) == ["idle", "pipeline", "search"]
    error_message = "One for the pipeline and one a service."
  }
  assert {
    condition = anytrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.service["search"].dashboard_body).widgets : try(widget.properties.title == "Queue of events", false)
      ]) && !anytrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.service["idle"].dashboard_body).widgets : try(startswith(widget.properties.title, "Queue of"), false)
    ])
    error_message = "Queues are shown where there are some."
  }
  assert {
    condition = anytrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.service["search"].dashboard_body).widgets :
      try(widget.properties.metrics == [["Collections", "ProjectionLag", "environment", "test", "service", "search"]], false)
    ])
    error_message = "Services' metrics are those of this environment only."
  }
  assert {
    condition = length(distinct([
      for widget in jsondecode(aws_cloudwatch_dashboard.pipeline.dashboard_body).widgets : "${widget.x} ${widget.y}"
    ])) == length(jsondecode(aws_cloudwatch_dashboard.pipeline.dashboard_body).widgets)
    error_message = "Widgets do not overlap."
  }
}

run "a_database_that_is_not_ours" {
  variables {
    database           = null
    service_dashboards = false
  }

  assert {
    condition     = !anytrue([for name in output.alarm_names : strcontains(name, "database")]) && keys(output.dashboards) == ["pipeline"]
    error_message = "A database outside the environment is not monitored."
  }
}
