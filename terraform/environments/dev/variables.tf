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

variable "packages_file" {
  description = "`packages.json` as `mesh package` writes it."
  type        = string
}

variable "schemas_folder" {
  description = "Folder `eventbridge/` of what `mesh contracts export` writes."
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

variable "alarm_emails" {
  description = "Who is told of alarms and of money."
  type        = list(string)
  default     = []
}

variable "budget_usd" {
  description = "US dollars a month that the account may cost before somebody is told."
  type        = number
  default     = 50
}

variable "database_class" {
  description = "Class of the database: db.t4g.micro, db.t4g.small or db.t4g.medium."
  type        = string
  default     = "db.t4g.micro"
}

variable "domain" {
  description = "A domain of one's own for the API: its name, the certificate's ARN, and its hosted zone if Route 53 has it."
  type        = object({ name = string, certificate_arn = string, zone_id = optional(string) })
  default     = null
}

variable "hosted_ui" {
  description = "Cognito's own sign-in pages: prefix of their address, and where they lead back to."
  type        = object({ prefix = string, callback_urls = list(string), logout_urls = optional(list(string), []) })
  default     = null
}

variable "mfa" {
  description = "OFF, OPTIONAL or ON: a second factor from an authenticator app."
  type        = string
  default     = "OFF"
}

variable "service_dashboards" {
  description = "Whether each service has a dashboard of its own; three dashboards in an account are free, others cost 3 dollars a month each."
  type        = bool
  default     = true
}
