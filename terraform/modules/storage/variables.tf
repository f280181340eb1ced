variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "account" {
  description = "Account that owns the buckets; part of their names, which are unique in all of AWS."
  type        = string
}

variable "images" {
  description = "`images` of services/platform.yaml: origins for pre-signed links, and retention periods."
  type = object({
    cors_origins    = list(string)
    noncurrent_days = optional(number, 30)
    expire          = optional(list(object({ id = string, prefix = string, days = number })), [])
  })
}

variable "keep" {
  description = "Whether a destroy keeps an images bucket that is not empty."
  type        = bool
  default     = true
}
