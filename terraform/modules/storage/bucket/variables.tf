variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "force_destroy" {
  description = "Whether a destroy removes its objects as well."
  type        = bool
  default     = false
}

variable "noncurrent_days" {
  description = "Days for which old versions are kept."
  type        = number
}

variable "noncurrent_versions" {
  description = "Old versions of an object that are kept whatever their age; null: none."
  type        = number
  default     = null
}

variable "expire" {
  description = "Expiry in days of objects below a prefix."
  type        = list(object({ id = string, prefix = string, days = number }))
  default     = []
}
