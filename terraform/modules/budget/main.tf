locals {
  notifications = {
    actual_80      = { type = "ACTUAL", threshold = 80 }
    actual_100     = { type = "ACTUAL", threshold = 100 }
    forecasted_100 = { type = "FORECASTED", threshold = 100 }
  }
}

resource "aws_budgets_budget" "this" {
  name         = "collections-${var.environment}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.2f", var.limit_usd)
  limit_unit   = "USD"

  dynamic "cost_filter" {
    for_each = var.only_this_environment ? [true] : []
    content {
      name   = "TagKeyValue"
      values = [format("user:environment$%s", var.environment)]
    }
  }

  dynamic "notification" {
    for_each = local.notifications
    content {
      notification_type          = notification.value.type
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value.threshold
      threshold_type             = "PERCENTAGE"
      subscriber_sns_topic_arns  = [var.topic_arn]
      subscriber_email_addresses = var.emails
    }
  }
}
