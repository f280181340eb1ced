variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "limit_usd" {
  description = "US dollars a month."
  type        = number
  default     = 50
}

variable "topic_arn" {
  description = "Topic to notify."
  type        = string
}

variable "emails" {
  description = "Addresses to notify as well; unlike subscriptions of the topic, these need no confirmation. At most ten."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.emails) <= 10
    error_message = "AWS Budgets accepts at most ten addresses."
  }
}

variable "only_this_environment" {
  description = "Whether only resources with this environment's tag count. The tag must be activated for cost allocation first: until then it matches nothing and the budget never notifies."
  type        = bool
  default     = false
}
