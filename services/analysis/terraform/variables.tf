variable "context" {
  description = "Values that the services share in one environment, passed through; lambda-service declares the type."
  type        = any
}
