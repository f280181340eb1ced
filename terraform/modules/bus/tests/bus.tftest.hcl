mock_provider "aws" {
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:event-bus/collections-test" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:collections-test-schedules-dlq"
      url = "https://sqs.eu-west-1.amazonaws.com/123456789012/collections-test-schedules-dlq"
    }
  }
}

variables {
  environment      = "test"
  region           = "eu-west-1"
  account          = "123456789012"
  archive_days     = 7
  orders           = ["collections.operator.replay-requested.v1"]
  alarms_topic_arn = "arn:aws:sns:eu-west-1:123456789012:collections-test-alarms"
}

run "bus_archive_and_the_queue_of_schedules" {
  command = apply

  assert {
    condition = output.bus.name == "collections-test" && output.archive == "collections-test" && (
      output.schedules_dead_letter_queue.name == "collections-test-schedules-dlq"
    )
    error_message = "Names are those of the environment."
  }
  assert {
    condition = aws_cloudwatch_event_archive.main.retention_days == 7 && (
      jsondecode(aws_cloudwatch_event_archive.main.event_pattern) == { detail = { replayfor = [{ exists = false }] } }
    )
    error_message = "The archive keeps every event once, for the platform's retention period."
  }
  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.schedules.policy).Statement :
      [statement.Effect, statement.Condition]
      ] == [
      ["Allow", { ArnLike = { "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/collections-test-*" } }],
      ["Deny", { Bool = { "aws:SecureTransport" = "false" } }],
    ]
    error_message = "Rules of this environment send to the queue, and only over TLS: ${aws_sqs_queue_policy.schedules.policy}"
  }
  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.operators.policy).Statement :
      [statement.Action, statement.Resource, statement.Condition["ForAllValues:StringEquals"]]
      ] == [[
        ["events:PutEvents"],
        ["arn:aws:events:eu-west-1:123456789012:event-bus/collections-test"],
        {
          "events:source"      = "collections.operator"
          "events:detail-type" = ["collections.operator.replay-requested.v1"]
        },
    ]]
    error_message = "Operators may put their events on the bus, and nothing else: ${aws_iam_role_policy.operators.policy}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.operators.assume_role_policy).Statement[0].Principal == { AWS = "arn:aws:iam::123456789012:root" }
    error_message = "The account decides who is an operator."
  }
  assert {
    condition = (
      output.alarm_names == ["collections-test-schedules-dead-letters"]
      && one(aws_cloudwatch_metric_alarm.schedules.alarm_actions) == var.alarms_topic_arn
    )
    error_message = "A dead letter triggers the alarm."
  }
}
