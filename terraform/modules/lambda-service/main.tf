# One service, created from its manifest. This file reads the manifest: the defaults of manifests.model, the names and ARNs
# of manifests.naming. The other files create the resources, one subject each.

locals {
  service  = var.manifest.service
  prefix   = "collections-${var.context.environment}-"
  database = try(var.manifest.database, false)
  tables   = try(var.manifest.tables, {})
  consumes = try(var.manifest.consumes, [])

  # The part of ARNs between the service's name and the resource.
  place = "${var.context.region}:${var.context.account}"

  functions = { for name, declared in var.manifest.functions : name => {
    name      = "${local.prefix}${local.service}-${name}"
    handler   = declared.handler
    memory_mb = try(declared.memory_mb, 512)
    timeout_s = try(declared.timeout_s, 60)
    trigger = (
      try(declared.queue, null) != null ? "queue" :
      length(try(declared.routes, [])) > 0 ? "routes" : "schedule"
    )
    publish       = try(declared.publish, false)
    backlog_of    = try(declared.backlog_of, null)
    tracing       = try(declared.tracing, false)
    images        = try(declared.images, {})
    tables        = try(declared.tables, {})
    secrets       = try(declared.secrets, [])
    configuration = try(declared.configuration, {})
  } }

  queues = { for name, function in local.functions : name => {
    name            = function.name
    arn             = "arn:aws:sqs:${local.place}:${function.name}"
    dead_letter     = "${function.name}-dlq"
    dead_letter_arn = "arn:aws:sqs:${local.place}:${function.name}-dlq"
    # As AWS recommends, so that a batch is not delivered again while it is being handled.
    visibility_s    = 6 * function.timeout_s
    batch_size      = try(var.manifest.functions[name].queue.batch_size, 5)
    max_concurrency = try(var.manifest.functions[name].queue.max_concurrency, 2)
    max_receives    = try(var.manifest.functions[name].queue.max_receives, 8)
  } if function.trigger == "queue" }

  # A consumer has a second queue, for what is replayed to the service: live events never wait behind a replay.
  replayed = { for name, queue in local.queues : name => merge(queue, {
    name            = "${queue.name}-replayed"
    arn             = "${queue.arn}-replayed"
    max_concurrency = 2 # the least that AWS takes
  }) if name == "events" && contains(keys(local.bus_types), name) }

  schedules = { for name, function in local.functions : name =>
    var.manifest.functions[name].schedule if function.trigger == "schedule"
  }

  # HEAD is answered wherever GET is (RFC 9110, 9.3.2).
  routes = merge(flatten([for name, function in local.functions : [
    for route in var.manifest.functions[name].routes : {
      for method in distinct([route.method, route.method == "GET" ? "HEAD" : route.method]) : "${method} ${route.path}" => {
        function = name
        auth     = try(route.auth, "jwt")
      }
    }
  ] if function.trigger == "routes"])...)
}

module "tables" {
  source = "../tables"

  prefix              = local.prefix
  tables              = local.tables
  deletion_protection = var.context.deletion_protection
}
