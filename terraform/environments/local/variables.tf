variable "region" {
  description = "The emulator's region."
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
  description = "AI providers that are not emulated, because their key is set: anthropic, openai, voyage, tavily."
  type        = set(string)
  default     = []
}

variable "database" {
  description = "Host and port of Postgres."
  type        = object({ host = optional(string, "127.0.0.1"), port = optional(number, 5433) })
  default     = {}
}

variable "artifacts" {
  description = "Build artifacts from `mesh infra`; see modules/environment."
  type        = object({ packages_file = string, schemas_folder = string, build = optional(map(string)) })
}
