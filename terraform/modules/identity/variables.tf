variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "Region of the pool; part of its issuer."
  type        = string
}

variable "password" {
  description = "`identity.password` of services/platform.yaml: the password policy."
  type = object({
    minimum_length = number
    lowercase      = optional(bool, true)
    uppercase      = optional(bool, true)
    numbers        = optional(bool, true)
    symbols        = optional(bool, false)
  })
}

variable "tokens" {
  description = "`identity.tokens` of services/platform.yaml: how long tokens are valid."
  type        = object({ access_minutes = number, id_minutes = number, refresh_days = number })
}

variable "mfa" {
  description = "OFF, OPTIONAL or ON: a second factor from an authenticator app."
  type        = string
  default     = "OFF"

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa is OFF, OPTIONAL or ON."
  }
}

variable "self_sign_up" {
  description = "Whether users may sign up by themselves. Every user causes model costs, so by default an operator creates accounts."
  type        = bool
  default     = false
}

variable "hosted_ui" {
  description = "Cognito's own sign-in pages: prefix of their address (unique in the region), and where they lead back to. Null: none."
  type        = object({ prefix = string, callback_urls = list(string), logout_urls = optional(list(string), []) })
  default     = null
}

variable "protect" {
  description = "Whether the pool is protected from deletion: its users cannot be restored."
  type        = bool
}
