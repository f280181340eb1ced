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
