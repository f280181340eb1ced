variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "schemas_folder" {
  description = "Folder of `<event type>.json` files, `eventbridge/` of the output of `mesh contracts export`."
  type        = string
}
