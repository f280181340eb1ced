variable "environment" {
  description = "Name of the environment; part of the name of everything in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.environment)) && length(var.environment) <= 16
    error_message = "An environment's name is at most 16 small letters, digits and single dashes, a letter first and no dash last."
  }
}

variable "artifacts" {
  description = "Build artifacts from `mesh infra`."
  type = object({
    # `packages.json` as `mesh package` writes it: the zip of each function.
    packages_file = string
    # Contracts for EventBridge Schemas: folder `eventbridge/` of the output of `mesh contracts export`.
    schemas_folder = string
    # For `/version`, logs and traces.
    build = optional(object({
      git_sha    = optional(string, "unknown")
      git_tag    = optional(string, "")
      git_branch = optional(string, "")
      timestamp  = optional(string, "")
    }), {})
  })
}

variable "settings" {
  description = "The operator's choices, in an environment's `terraform.tfvars`."
  type = object({
    # Who is notified of alarms and of cost.
    alarm_emails = optional(list(string), [])
    # US dollars a month before a notification is sent; 0: no budget.
    budget_usd = optional(number, 50)
    # Class of the database: db.t4g.micro, db.t4g.small or db.t4g.medium.
    database_class = optional(string, "db.t4g.micro")
    # A custom domain for the API, and its hosted zone if Route 53 hosts it.
    domain = optional(object({ name = string, certificate_arn = string, zone_id = optional(string) }))
    # Whether CloudFront stands in front of the API, so that pages of other origins can read what it answers by itself.
    distribution = optional(bool, false)
    # Cognito's own sign-in pages: prefix of their address, and where they lead back to.
    hosted_ui = optional(object({ prefix = string, callback_urls = list(string), logout_urls = optional(list(string), []) }))
    # OFF, OPTIONAL or ON: a second factor from an authenticator app.
    mfa = optional(string, "OFF")
    # Whether each service has a dashboard; three in an account are free, others cost 3 dollars a month each.
    service_dashboards = optional(bool, true)
  })
  default = {}
}

variable "named_settings" {
  description = "Names of the settings that were given: an object type drops unknown attributes, so a misspelt one would have no effect."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.named_settings, keys(var.settings))) == 0
    error_message = "There is no setting ${join(", ", setsubtract(var.named_settings, keys(var.settings)))}; there are ${join(", ", keys(var.settings))}."
  }
}

variable "deletion_protection" {
  description = "Whether users, pictures, tables and the database are protected from deletion."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "Days of point-in-time recovery."
  type        = number
  default     = 7
}

variable "self_sign_up" {
  description = "Whether users may sign up by themselves."
  type        = bool
  default     = false
}

variable "database" {
  description = "An existing database, such as the local mesh's. Null: an RDS instance is created."
  type = object({
    host          = string
    port          = number
    auth          = optional(string, "password")
    sslmode       = optional(string, "prefer")
    administrator = optional(string, "postgres")
  })
  default = null
}

variable "schema_registry" {
  description = "Whether contracts are published to EventBridge Schemas, which emulators do not have."
  type        = bool
  default     = true
}

variable "api_tags" {
  description = "Tags of the HTTP API; an emulator takes the API's id from one."
  type        = map(string)
  default     = {}
}

variable "extra_variables" {
  description = "Environment variables of every function that only this environment needs, such as an emulator's address."
  type        = map(string)
  default     = {}
}
