variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "account" {
  description = "Account that owns the buckets; part of their names, which are unique in all of AWS."
  type        = string
}

variable "images" {
  description = "`images` of services/platform.yaml: who may use pre-signed links, and how long what is kept."
  type = object({
    cors_origins    = list(string)
    noncurrent_days = optional(number, 30)
    expire          = optional(list(object({ id = string, prefix = string, days = number })), [])
  })
}

variable "keep" {
  description = "Whether the images bucket outlives a destroy as long as there is anything in it."
  type        = bool
  default     = true
}
