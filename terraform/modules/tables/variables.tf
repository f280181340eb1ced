variable "prefix" {
  description = "What the name of each table begins with, dash included."
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
  description = "Whether AWS refuses to delete a table, until somebody turns this off."
  type        = bool
}
