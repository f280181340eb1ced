variable "prefix" {
  description = "The prefix of table names, dash included."
  type        = string
}

variable "tables" {
  description = "The tables by name, as `tables` of a service's manifest; keys are strings."
  type = map(object({
    partition_key = string
    sort_key      = optional(string)
    ttl           = optional(string)
    indexes = optional(map(object({
      partition_key = string
      sort_key      = optional(string)
    })), {})
  }))
}

variable "deletion_protection" {
  description = "Whether tables are protected from deletion."
  type        = bool
}
