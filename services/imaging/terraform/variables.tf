variable "context" {
  description = "What the services share in one environment, passed through; lambda-service gives its type."
  type        = any
}
