variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "account" {
  description = "Number of the AWS account."
  type        = string
}

variable "archive_days" {
  description = "Days for which the archive keeps events, `bus.archive_days` of services/platform.yaml."
  type        = number
}

variable "orders" {
  description = "Types of operators' events, `publishes` of services/operators.yaml."
  type        = list(string)
}

variable "alarms_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
