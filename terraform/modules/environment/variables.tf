variable "environment" {
  description = "Name of the environment; part of the name of everything in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.environment)) && length(var.environment) <= 16
    error_message = "An environment's name is at most 16 small letters, digits and single dashes, a letter first and no dash last."
  }
}

variable "packages_file" {
  description = "`packages.json` as `mesh package` writes it: the zip of each function."
  type        = string
}

variable "schemas_folder" {
  description = "Contracts in the form that EventBridge Schemas takes, as `mesh contracts export` writes them to `eventbridge/`."
  type        = string
}

variable "build" {
  description = "What was built, for `/version`, logs and traces."
  type = object({
    git_sha    = optional(string, "unknown")
    git_tag    = optional(string, "")
    git_branch = optional(string, "")
    timestamp  = optional(string, "")
  })
  default = {}
}

variable "deletion_protection" {
  description = "Whether users, pictures, tables and the database refuse to be deleted."
  type        = bool
  default     = false
}

variable "database_class" {
  description = "Class of the database: db.t4g.micro, db.t4g.small or db.t4g.medium."
  type        = string
  default     = "db.t4g.micro"
}

variable "backup_days" {
  description = "Days to any moment of which the database can be brought back."
  type        = number
  default     = 7
}

variable "alarm_emails" {
  description = "Who is told of alarms and of money."
  type        = list(string)
  default     = []
}

variable "budget_usd" {
  description = "US dollars a month that the account may cost before somebody is told. Null: no budget."
  type        = number
  default     = 50
}

variable "service_dashboards" {
  description = "Whether each service has a dashboard of its own; three dashboards in an account are free, others cost 3 dollars a month each."
  type        = bool
  default     = true
}

variable "domain" {
  description = "A domain of one's own for the API: its name, the certificate's ARN, and its hosted zone if Route 53 has it."
  type        = object({ name = string, certificate_arn = string, zone_id = optional(string) })
  default     = null
}

variable "mfa" {
  description = "OFF, OPTIONAL or ON: a second factor from an authenticator app."
  type        = string
  default     = "OFF"
}

variable "self_sign_up" {
  description = "Whether strangers may make accounts."
  type        = bool
  default     = false
}

variable "hosted_ui" {
  description = "Cognito's own sign-in pages: prefix of their address, and where they lead back to. Null: none."
  type        = object({ prefix = string, callback_urls = list(string), logout_urls = optional(list(string), []) })
  default     = null
}

variable "database" {
  description = "A database that is there already, as on a machine of one's own. Null: an RDS instance is made."
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
  description = "Environment variables of every function that only this place needs, such as an emulator's address."
  type        = map(string)
  default     = {}
}
