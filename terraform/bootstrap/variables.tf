variable "region" {
  description = "Region of the bucket; environments in other regions may keep their state in it."
  type        = string
  default     = "us-east-1"
}

variable "account" {
  description = "The account, set by `mesh infra bootstrap`. Null: that of the credentials."
  type        = string
  default     = null
}
