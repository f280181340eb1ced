variable "manifest" {
  description = "The service's manifest, service.yaml decoded; its shape is that of manifests.model.Service."
  type        = any
}

variable "context" {
  description = "Values that the services share in one environment."
  type = object({
    environment = string
    region      = string
    account     = string
    # services/platform.yaml, decoded.
    platform = any
    build    = object({ git_sha = string, git_tag = string, git_branch = string, timestamp = string })
    bus      = object({ name = string, arn = string })
    images   = object({ name = string, arn = string })
    # Such as /collections/dev, no slash at the end.
    parameter_prefix = string
    # `auth` is iam or password; `resource_id` is that of the RDS instance.
    database = object({
      host        = string
      port        = number
      name        = string
      auth        = string
      sslmode     = string
      resource_id = string
    })
    api                             = object({ id = string, execution_arn = string, authorizer_id = string })
    schedules_dead_letter_queue_arn = string
    alarms_topic_arn                = string
    # By `<service>.<function>`; the checksum in base64, as Lambda reports it.
    packages = map(object({ bucket = string, key = string, sha256 = string }))
    # Variables that only this environment needs, such as addresses of emulated providers.
    extra_variables = map(string)
    # Whether tables are protected from deletion.
    deletion_protection = bool
  })
}
