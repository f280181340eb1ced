variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "Region of the database."
  type        = string
}

variable "database" {
  description = "`database` of services/platform.yaml: name of the database, and the extensions that may be created in it."
  type        = object({ name = string, extensions = optional(list(string), []) })
}

variable "instance_class" {
  description = "Class of the instance: db.t4g.micro, db.t4g.small or db.t4g.medium."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = contains(["db.t4g.micro", "db.t4g.small", "db.t4g.medium"], var.instance_class)
    error_message = "Classes that are known here: db.t4g.micro, db.t4g.small, db.t4g.medium."
  }
}

variable "storage" {
  description = "Gigabytes of storage at first, and at most when it grows by itself."
  type        = object({ initial = number, maximum = number })
  default     = { initial = 20, maximum = 100 }
}

variable "backup_days" {
  description = "Days of point-in-time recovery."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "RDS keeps backups for 1 to 35 days; 0 would turn them off."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "protect" {
  description = "Whether the instance is protected from deletion, and keeps a final snapshot and its backups if it is deleted after all."
  type        = bool
}
