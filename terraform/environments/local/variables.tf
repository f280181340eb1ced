variable "region" {
  description = "Region that the emulator plays."
  type        = string
  default     = "us-east-1"
}

variable "endpoint" {
  description = "Address of the emulator."
  type        = string
  default     = "http://127.0.0.1:4566"
}

variable "providers_url" {
  description = "Address of the emulated AI providers."
  type        = string
  default     = "http://127.0.0.1:4570"
}

variable "real_providers" {
  description = "AI providers that are not emulated, because there is a key for them: anthropic, openai, voyage, tavily."
  type        = set(string)
  default     = []
}

variable "database" {
  description = "Where Postgres listens."
  type        = object({ host = optional(string, "127.0.0.1"), port = optional(number, 5433) })
  default     = {}
}

variable "artifacts" {
  description = "What was built, as `mesh infra` makes it; modules/environment says what of it."
  type        = object({ packages_file = string, schemas_folder = string, build = optional(map(string)) })
}
