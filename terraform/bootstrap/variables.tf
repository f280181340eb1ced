variable "region" {
  description = "Region of the bucket; environments in other regions may keep their state in it."
  type        = string
  default     = "us-east-1"
}
