variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "schemas_folder" {
  description = "Folder of `<event type>.json` files, `eventbridge/` of what `mesh contracts export` writes."
  type        = string
}
