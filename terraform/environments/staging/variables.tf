variable "region" {
  description = "Region to be in."
  type        = string
  default     = "us-east-1"
}

variable "account" {
  description = "The account to be in; `mesh infra` says which. Null: that of the credentials."
  type        = string
  default     = null
}

variable "artifacts" {
  description = "What was built, as `mesh infra` makes it; modules/environment says what of it."
  type        = object({ packages_file = string, schemas_folder = string, build = optional(map(string)) })
}

variable "settings" {
  description = "What is yours to choose; modules/environment/variables.tf lists and types every setting."
  type        = any
  default     = {}
}
