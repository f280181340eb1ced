variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "account" {
  description = "Number of the AWS account."
  type        = string
}

variable "names" {
  description = "Names of the secrets that functions read, as the manifests give them."
  type        = set(string)
}
