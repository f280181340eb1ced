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

variable "emails" {
  description = "Recipients of alarms. AWS asks each address once to confirm."
  type        = set(string)
  default     = []
}

variable "services" {
  description = "Functions and alarms of each service, as its module gives them."
  type = map(object({
    functions = map(object({
      name                   = string
      log_group              = string
      queue_name             = optional(string)
      dead_letter_queue_name = optional(string)
    }))
    alarm_names = list(string)
  }))
}

variable "api_id" {
  description = "Id of the HTTP API."
  type        = string
}

variable "database" {
  description = "The RDS instance: its identifier and its connection limit. Null: the database is not monitored here."
  type        = object({ identifier = string, connections = number })
  default     = null
}

variable "other_alarms" {
  description = "Names of alarms of shared resources, such as the bus."
  type        = list(string)
  default     = []
}

variable "service_dashboards" {
  description = "Whether each service has its own dashboard beside that of the pipeline. Three in an account are free, each further one costs 3 dollars a month."
  type        = bool
  default     = true
}
