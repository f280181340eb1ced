output "environment" {
  description = "Names and addresses, nothing secret, for the commands of `mesh`."
  value = {
    environment = var.environment
    region      = local.region
    account     = local.account

    # Base of all routes, no slash at the end; the CNAME target of a domain that Route 53 does not host.
    api_url       = module.edge.url
    domain_target = module.edge.domain_target

    user_pool_id = module.identity.user_pool_id
    client_id    = module.identity.client_id
    issuer       = module.identity.issuer
    # Cognito's sign-in pages; null without them.
    hosted_ui_url = module.identity.hosted_ui_url

    event_bus       = module.bus.bus.name
    archive         = module.bus.archive
    images_bucket   = module.storage.images.name
    packages_bucket = module.storage.packages.name
    # Full names by the names of the manifests.
    tables = merge([for service in local.services : service.tables]...)
    # By `<service>.<function>`, with the addresses of its resources.
    functions = { for key, function in local.functions : key => {
      name                  = function.name
      log_group             = function.log_group
      queue_url             = function.queue_url
      dead_letter_queue_url = function.dead_letter_queue_url
    } }
    # Its address and administrator; no password.
    database = merge(local.database, {
      administrator        = one(concat(module.database[*].administrator, var.database[*].administrator))
      administrator_secret = one(module.database[*].administrator_secret)
    })

    topic_arn  = module.observability.topic_arn
    alarms     = sort(concat(module.observability.alarm_names, module.bus.alarm_names, flatten([for service in local.services : service.alarm_names])))
    dashboards = module.observability.dashboards
    # The role for ordering replays.
    operators_role_arn = module.bus.operators_role_arn
    # The policy for setting secrets.
    secrets_operator_policy_arn = module.secrets.operator_policy_arn
  }
}
