mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  manifest = yamldecode(file("tests/manifests/talker.yaml"))
  context = merge(jsondecode(file("tests/context.json")), {
    packages = {
      "talker.events"   = { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
      "talker.http"     = { bucket = "packages", key = "functions/2.zip", sha256 = "two" }
      "talker.relay"    = { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
      "listener.events" = { bucket = "packages", key = "functions/3.zip", sha256 = "three" }
    }
    extra_variables = { GREETING = "loses to the manifest", PROVIDER_URL = "http://127.0.0.1:1" }
  })
}

run "one_of_everything" {
  command = apply

  # Functions.
  assert {
    condition = { for name, function in output.functions : name => [function.name, function.trigger] } == {
      events = ["collections-test-talker-events", "queue"]
      http   = ["collections-test-talker-http", "routes"]
      relay  = ["collections-test-talker-relay", "schedule"]
    }
    error_message = "Names and triggers: ${jsonencode(output.functions)}"
  }
  assert {
    condition = [
      for name in ["http", "relay"] : [
        aws_lambda_function.main[name].memory_size,
        aws_lambda_function.main[name].timeout,
        length(aws_lambda_function.main[name].tracing_config),
        aws_lambda_function.main[name].s3_key,
        aws_lambda_function.main[name].code_sha256,
      ]
    ] == [[1024, 29, 1, "functions/2.zip", "two"], [512, 60, 0, "functions/1.zip", "one"]]
    error_message = "Settings are those of the manifest, or its defaults."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.main : group.retention_in_days == 7])
    error_message = "Log groups have the platform's retention."
  }

  # Variables.
  assert {
    condition = {
      for name in ["GREETING", "GIT_SHA", "PROVIDER_URL", "FUNCTION", "DATABASE_PORT", "DATABASE_SSLROOTCERT",
      "TABLE_BIG_NOTES"] : name => aws_lambda_function.main["http"].environment[0].variables[name]
      } == {
      GREETING             = "hello"
      GIT_SHA              = "of the manifest"
      PROVIDER_URL         = "http://127.0.0.1:1"
      FUNCTION             = "http"
      DATABASE_PORT        = "5432"
      DATABASE_SSLROOTCERT = "/var/task/chassis/rds-ca.pem"
      TABLE_BIG_NOTES      = "collections-test-big-notes"
    } && aws_lambda_function.main["http"].environment[0].variables.BACKLOG_QUEUE_URL == aws_sqs_queue.main["events"].url
    error_message = "The manifest's configuration overrides the environment's variables, which override derived ones."
  }
  assert {
    condition = setsubtract(output.functions["events"].variables, output.functions["relay"].variables) == toset([
      "DEAD_LETTER_QUEUE_URL", "MAX_RECEIVES", "QUEUE_URL",
    ])
    error_message = "Only a consumer has its queues' variables."
  }

  # Permissions.
  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.declared["http"].policy).Statement :
      join(" ", statement.Action) => statement.Resource
      } == {
      "logs:CreateLogStream logs:PutLogEvents" = [
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/collections-test-talker-http",
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/collections-test-talker-http:*",
      ]
      "xray:PutTelemetryRecords xray:PutTraceSegments" = ["*"]
      "events:PutEvents"                               = ["arn:aws:events:eu-west-1:123456789012:event-bus/collections-test"]
      "sqs:GetQueueAttributes"                         = ["arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-events"]
      "s3:GetObject"                                   = ["arn:aws:s3:::pictures/*/images/*"]
      "s3:PutObject"                                   = ["arn:aws:s3:::pictures/*/images/*", "arn:aws:s3:::pictures/*/renditions/*"]
      "s3:DeleteObject s3:DeleteObjectVersion"         = ["arn:aws:s3:::pictures/*/renditions/*"]
      "s3:ListBucketVersions"                          = ["arn:aws:s3:::pictures"]
      "s3:PutObjectTagging"                            = ["arn:aws:s3:::pictures/images/*"]
      "s3:ListBucket"                                  = ["arn:aws:s3:::pictures"]
      "s3:GetLifecycleConfiguration"                   = ["arn:aws:s3:::pictures"]
      join(" ", [
        "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem",
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
      ])                                   = ["arn:aws:dynamodb:eu-west-1:123456789012:table/collections-test-big-notes"]
      "dynamodb:Query"                     = ["arn:aws:dynamodb:eu-west-1:123456789012:table/collections-test-big-notes/index/by_time"]
      "dynamodb:Scan"                      = ["arn:aws:dynamodb:eu-west-1:123456789012:table/collections-test-plain"]
      "ssm:GetParameter ssm:GetParameters" = ["arn:aws:ssm:eu-west-1:123456789012:parameter/collections/test/voyage-api-key"]
      "rds-db:connect"                     = ["arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-ABC/talker"]
    }
    error_message = "The role allows what the manifest declares: ${aws_iam_role_policy.declared["http"].policy}"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.declared["relay"].policy).Statement :
      statement.Condition if statement.Action == ["events:PutEvents"]
    ] == [{ "ForAllValues:StringEquals" = { "events:source" = "collections.talker" }, Null = { "events:source" = "false" } }]
    error_message = "A service publishes under its own name only."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.declared["events"].policy).Statement :
      statement.Resource if startswith(statement.Action[0], "sqs:")
      ] == [
      [
        "arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-events",
        "arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-events-replayed",
      ],
      ["arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-events-dlq"],
    ]
    error_message = "A consumer reads its own queues and sends to its own dead-letter queue."
  }

  # Queues and rules.
  assert {
    condition = [
      aws_sqs_queue.main["events"].visibility_timeout_seconds,
      aws_sqs_queue.main["events"].message_retention_seconds,
      aws_sqs_queue.dead_letter["events"].message_retention_seconds,
      jsondecode(aws_sqs_queue.main["events"].redrive_policy).maxReceiveCount,
      aws_lambda_event_source_mapping.main["events"].batch_size,
      aws_lambda_event_source_mapping.main["events"].scaling_config[0].maximum_concurrency,
      one(aws_lambda_event_source_mapping.main["events"].function_response_types),
    ] == [1200, 345600, 1209600, 7, 3, 4, "ReportBatchItemFailures"]
    error_message = "Queue, dead-letter queue and mapping follow the manifest."
  }
  assert {
    condition = [
      aws_sqs_queue.replayed["events"].name,
      jsondecode(aws_sqs_queue.replayed["events"].redrive_policy).maxReceiveCount,
      aws_lambda_event_source_mapping.replayed["events"].scaling_config[0].maximum_concurrency,
      jsondecode(aws_cloudwatch_event_rule.bus["events"].event_pattern).detail.replayfor,
      jsondecode(aws_cloudwatch_event_rule.replayed["events"].event_pattern).detail.replayfor,
    ] == ["collections-test-talker-events-replayed", 7, 2, [{ exists = false }], ["talker"]]
    error_message = "Replayed events have a queue of their own, with the same dead letters."
  }
  assert {
    condition = alltrue([for queue, rules in {
      events          = ["/collections-test-talker-events", "-talker-events", "-talker-events-1"]
      events-replayed = ["/collections-test-talker-events-replayed"]
      events-dlq = [
        "/collections-test-talker-events", "-talker-events", "-talker-events-1", "/collections-test-talker-events-replayed",
      ]
      } : [
      for statement in jsondecode(aws_sqs_queue_policy.main[queue].policy).Statement :
      [statement.Effect, statement.Resource, statement.Condition]
      ] == [
      ["Allow", "arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-${queue}", { ArnEquals = { "aws:SourceArn" = [
        for rule in rules : "arn:aws:events:eu-west-1:123456789012:rule/collections-test${rule}"
      ] } }],
      ["Deny", "arn:aws:sqs:eu-west-1:123456789012:collections-test-talker-${queue}", { Bool = { "aws:SecureTransport" = "false" } }],
    ]])
    error_message = "Only the function's own rules send to its queues, and only over TLS."
  }
  assert {
    condition = jsondecode(output.rules["collections-test-talker-events-1"].pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail      = { bucket = { name = ["pictures"] }, object = { key = [{ wildcard = "*/uploads/*" }] } }
    }
    error_message = "The second event of AWS has its own rule."
  }
  assert {
    condition = alltrue([for target in concat(
      values(aws_cloudwatch_event_target.bus), values(aws_cloudwatch_event_target.aws),
      values(aws_cloudwatch_event_target.schedule),
    ) : length(target.dead_letter_config) == 1])
    error_message = "Every target has a dead-letter queue."
  }

  # Schedules and routes.
  assert {
    condition = (
      aws_cloudwatch_event_rule.schedule["relay"].schedule_expression == "rate(1 minute)"
      && jsondecode(aws_cloudwatch_event_target.schedule["relay"].input).function == "relay"
      && aws_lambda_function_event_invoke_config.schedule["relay"].maximum_retry_attempts == 0
      && aws_lambda_permission.schedule["relay"].source_arn == aws_cloudwatch_event_rule.schedule["relay"].arn
    )
    error_message = "The relay is started by its rule, and not again by Lambda."
  }
  assert {
    condition = {
      for key, route in aws_apigatewayv2_route.main : key => "${route.authorization_type} ${coalesce(route.authorizer_id, "-")}"
      } == {
      "GET /open"         = "NONE -"
      "HEAD /open"        = "NONE -"
      "POST /things/{id}" = "JWT authorizer1"
    }
    error_message = "A route needs a token unless the manifest declares otherwise."
  }

  # Alarms.
  assert {
    condition = toset(output.alarm_names) == toset([for name in [
      "events-age", "events-dead-letters", "events-duration", "events-errors",
      "http-duration", "http-errors", "http-throttles", "outbox-parked", "projection-lag",
      "relay-duration", "relay-errors",
    ] : "collections-test-talker-${name}"])
    error_message = "Every function and queue has its alarms: ${join(", ", output.alarm_names)}"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.main["http-duration"].threshold == 23200
      && aws_cloudwatch_metric_alarm.main["http-duration"].extended_statistic == "p95"
      && aws_cloudwatch_metric_alarm.main["events-age"].threshold == 1400
      && aws_cloudwatch_metric_alarm.main["events-dead-letters"].dimensions.QueueName == "collections-test-talker-events-dlq"
    )
    error_message = "Thresholds follow the function's time-out."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.main["outbox-parked"].threshold == 0
      && aws_cloudwatch_metric_alarm.main["outbox-parked"].metric_name == "OutboxParked"
      && aws_cloudwatch_metric_alarm.main["outbox-parked"].dimensions == tomap({ environment = "test", service = "talker" })
    )
    error_message = "The first parked event sets off an alarm."
  }
}

run "as_little_as_possible_with_a_password" {
  command = plan

  variables {
    manifest = merge(yamldecode(file("tests/manifests/listener.yaml")), { database = true })
    context = merge(var.context, {
      database = merge(var.context.database, { auth = "password", sslmode = "require" })
    })
  }

  assert {
    condition = [
      aws_lambda_function.main["events"].memory_size,
      aws_lambda_function.main["events"].timeout,
      aws_sqs_queue.main["events"].visibility_timeout_seconds,
      aws_lambda_event_source_mapping.main["events"].batch_size,
      aws_lambda_event_source_mapping.main["events"].scaling_config[0].maximum_concurrency,
      aws_cloudwatch_metric_alarm.main["events-age"].threshold,
    ] == [512, 60, 360, 5, 2, 600]
    error_message = "Values that the manifest omits have the defaults of manifests.model."
  }
  assert {
    condition = [for rule in ["bus", "replayed"] : jsondecode(
      rule == "bus" ? aws_cloudwatch_event_rule.bus["events"].event_pattern : aws_cloudwatch_event_rule.replayed["events"].event_pattern
      )] == [
      { detail-type = ["collections.talker.thing-said.v1"], detail = { replayfor = [{ exists = false }] } },
      { detail-type = ["collections.talker.thing-said.v1"], detail = { replayfor = ["listener"] } },
    ]
    error_message = "It consumes its events, and replayed events addressed to it."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.declared["events"].policy).Statement :
      statement.Resource if startswith(statement.Action[0], "ssm:") || startswith(statement.Action[0], "rds-db:")
    ] == [["arn:aws:ssm:eu-west-1:123456789012:parameter/collections/test/database/listener"]]
    error_message = "With a password it may read its own password, and may not sign in by IAM."
  }
  assert {
    condition     = !contains(output.functions["events"].variables, "DATABASE_SSLROOTCERT")
    error_message = "Root certificates are named only where they are verified."
  }
}

run "a_name_that_does_not_fit_is_refused" {
  command = plan

  variables {
    manifest = yamldecode(file("tests/manifests/listener.yaml"))
    context  = merge(var.context, { environment = "an-environment-with-much-of-a-name" })
  }

  expect_failures = [aws_lambda_function.main]
}
