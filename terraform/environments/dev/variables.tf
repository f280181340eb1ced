variable "region" {
  description = "The environment's region."
  type        = string
  default     = "us-east-1"
}

variable "account" {
  description = "The environment's account, set by `mesh infra`. Null: that of the credentials."
  type        = string
  default     = null
}

variable "artifacts" {
  description = "Build artifacts from `mesh infra`; see modules/environment."
  type        = object({ packages_file = string, schemas_folder = string, build = optional(map(string)) })
}

variable "settings" {
  description = "The operator's settings; modules/environment/variables.tf lists and types all of them."
  type        = any
  default     = {}
}
