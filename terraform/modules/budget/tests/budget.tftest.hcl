mock_provider "aws" {}

variables {
  environment = "test"
  topic_arn   = "arn:aws:sns:us-east-1:123456789012:collections-test-alarms"
  emails      = ["operator@example.com"]
}

run "fifty_dollars_with_a_forecast" {
  command = plan

  assert {
    condition     = aws_budgets_budget.this.limit_amount == "50.00" && aws_budgets_budget.this.time_unit == "MONTHLY"
    error_message = "Fifty dollars a month by default."
  }
  assert {
    condition = toset([for item in aws_budgets_budget.this.notification : "${item.notification_type} ${item.threshold}"]) == toset([
      "ACTUAL 80", "ACTUAL 100", "FORECASTED 100",
    ])
    error_message = "It notifies below and at the limit, and on the forecast."
  }
  assert {
    condition     = alltrue([for item in aws_budgets_budget.this.notification : contains(item.subscriber_sns_topic_arns, var.topic_arn) && contains(item.subscriber_email_addresses, "operator@example.com")])
    error_message = "The topic and the operator receive every notification."
  }
  assert {
    condition     = length(aws_budgets_budget.this.cost_filter) == 0
    error_message = "The whole account counts."
  }
}

run "one_environment" {
  command = plan
  variables {
    only_this_environment = true
  }

  assert {
    condition     = one(aws_budgets_budget.this.cost_filter).values == tolist(["user:environment$test"])
    error_message = "The environment's tag alone counts."
  }
}
