variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "cors" {
  description = "What pages may do from a browser: their origins, the methods and headers they may send, the headers they may read."
  type        = object({ origins = list(string), methods = list(string), headers = list(string), exposed_headers = list(string) })
}

variable "throttling" {
  description = "Requests per second, and burst."
  type        = object({ rate = number, burst = number })
}

variable "issuer" {
  description = "Issuer of the tokens that the API accepts."
  type        = string
}

variable "audience" {
  description = "Clients whose tokens the API accepts."
  type        = list(string)
}

variable "log_retention_days" {
  description = "Days for which the access log is kept."
  type        = number
}

variable "domain" {
  description = "A custom domain: its name, a certificate for it in this region (with the distribution: in us-east-1), and the hosted zone to enter it in (null: enter it elsewhere)."
  type        = object({ name = string, certificate_arn = string, zone_id = optional(string) })
  default     = null
}

variable "distribution" {
  description = "Whether CloudFront stands in front of the API, so that pages of other origins can read what the API answers by itself."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the API; an emulator takes the API's id from one."
  type        = map(string)
  default     = {}
}
