# Environment variables of the functions, as manifests.environment gives them: plain settings, never a secret.

locals {
  of_the_service = merge(
    {
      SERVICE                      = local.service
      ENVIRONMENT                  = var.context.environment
      EVENT_BUS                    = var.context.bus.name
      IMAGES_BUCKET                = var.context.images.name
      PARAMETER_PREFIX             = var.context.parameter_prefix
      POWERTOOLS_SERVICE_NAME      = local.service
      POWERTOOLS_METRICS_NAMESPACE = "Collections"
      POWERTOOLS_LOG_LEVEL         = "INFO"
      GIT_SHA                      = var.context.build.git_sha
      GIT_TAG                      = var.context.build.git_tag
      GIT_BRANCH                   = var.context.build.git_branch
      BUILD_TIMESTAMP              = var.context.build.timestamp
    },
    local.database ? {
      DATABASE_HOST    = var.context.database.host
      DATABASE_PORT    = tostring(var.context.database.port)
      DATABASE_NAME    = var.context.database.name
      DATABASE_ROLE    = local.service
      DATABASE_SCHEMA  = local.service
      DATABASE_AUTH    = var.context.database.auth
      DATABASE_SSLMODE = var.context.database.sslmode
    } : {},
    local.database && var.context.database.sslmode == "verify-full" ? {
      # Where Lambda unpacks the root certificates of RDS that come with the chassis.
      DATABASE_SSLROOTCERT = "/var/task/chassis/rds-ca.pem"
    } : {},
  )

  of_the_queue = { for name, queue in local.queues : name => {
    QUEUE_URL             = aws_sqs_queue.main[name].url
    DEAD_LETTER_QUEUE_URL = aws_sqs_queue.dead_letter[name].url
    MAX_RECEIVES          = tostring(queue.max_receives)
  } }

  variables = { for name, function in local.functions : name => merge(
    local.of_the_service,
    { FUNCTION = name },
    lookup(local.of_the_queue, name, {}),
    function.backlog_of != null ? { BACKLOG_QUEUE_URL = aws_sqs_queue.main[function.backlog_of].url } : {},
    { for table in keys(function.tables) : "TABLE_${upper(replace(table, "-", "_"))}" => module.tables.names[table] },
    var.context.extra_variables,
    function.configuration,
  ) }
}
