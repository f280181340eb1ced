# The permissions of each function, as in manifests.policies: what its manifest declares, and nothing else.

locals {
  table_actions = {
    read  = ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query"]
    write = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    scan  = ["dynamodb:Scan"]
  }
  # An index can only be read.
  index_actions = { read = "dynamodb:Query", scan = "dynamodb:Scan" }
  image_actions = [
    { access = "read", actions = ["s3:GetObject"] },
    { access = "write", actions = ["s3:PutObject"] },
    # What is deleted is gone with all its versions.
    { access = "delete", actions = ["s3:DeleteObject", "s3:DeleteObjectVersion"] },
    { access = "tag", actions = ["s3:PutObjectTagging"] },
  ]
  table_arns = { for table in keys(local.tables) : table => "arn:aws:dynamodb:${local.place}:table/${local.prefix}${table}" }
  parameters = "arn:aws:ssm:${local.place}:parameter${var.context.parameter_prefix}"
  log_groups = { for name, function in local.functions :
    name => "arn:aws:logs:${local.place}:log-group:/aws/lambda/${function.name}"
  }

  # Lists of what may be done to what; an entry without resources makes no statement.
  permissions = { for name, function in local.functions : name => concat(
    [
      {
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = [local.log_groups[name], "${local.log_groups[name]}:*"]
      },
      {
        actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        # These two actions do not support resources.
        resources = function.tracing ? ["*"] : []
      },
      {
        actions   = ["events:PutEvents"]
        resources = function.publish ? [var.context.bus.arn] : []
        # A request has several events: all of them must be ours, and there must be at least one.
        condition = {
          "ForAllValues:StringEquals" = { "events:source" = "collections.${local.service}" }
          Null                        = { "events:source" = "false" }
        }
      },
      {
        actions = [
          "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
        ]
        resources = concat(
          [for queue, main in local.queues : main.arn if queue == name],
          [for queue, replayed in local.replayed : replayed.arn if queue == name],
        )
      },
      {
        # It reads and deletes dead letters of a deleted item, and of a tenant who is forgotten.
        actions = [
          "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
          "sqs:SendMessage",
        ]
        resources = function.trigger == "queue" ? [local.queues[name].dead_letter_arn] : []
      },
      {
        actions   = ["sqs:GetQueueAttributes"]
        resources = function.backlog_of != null ? [local.queues[function.backlog_of].arn] : []
      },
      {
        # Who takes up orders of operators sees how many messages wait for the consumers.
        actions = ["sqs:GetQueueAttributes"]
        resources = contains(local.ordered, name) ? [
          for queue in ["events", "events-replayed"] : "arn:aws:sqs:${local.place}:${local.prefix}*-${queue}"
        ] : []
      },
    ],
    [
      for item in local.image_actions : {
        actions   = item.actions
        resources = [for key in try(function.images[item.access], []) : "${var.context.images.arn}/${key}"]
      }
    ],
    [
      {
        actions   = ["s3:ListBucketVersions"]
        resources = length(try(function.images.delete, [])) > 0 ? [var.context.images.arn] : []
      },
      {
        actions   = ["s3:ListBucket"]
        resources = try(function.images.list, false) ? [var.context.images.arn] : []
      },
      {
        actions   = ["s3:GetLifecycleConfiguration"]
        resources = try(function.images.read_lifecycle, false) ? [var.context.images.arn] : []
      },
    ],
    flatten([
      for table, access in function.tables : [
        {
          actions   = sort(flatten([for item in access : local.table_actions[item]]))
          resources = [local.table_arns[table]]
        },
        {
          actions = sort([for item in access : local.index_actions[item] if contains(keys(local.index_actions), item)])
          resources = [
            for index in sort(keys(try(local.tables[table].indexes, {}))) : "${local.table_arns[table]}/index/${index}"
            if length(setintersection(access, keys(local.index_actions))) > 0
          ]
        },
      ]
    ]),
    [
      {
        actions = ["ssm:GetParameter", "ssm:GetParameters"]
        resources = [for secret in concat(
          function.secrets,
          local.database && var.context.database.auth == "password" ? ["database/${local.service}"] : [],
        ) : "${local.parameters}/${secret}"]
      },
      {
        actions = ["rds-db:connect"]
        resources = (
          local.database && var.context.database.auth == "iam"
          ? ["arn:aws:rds-db:${local.place}:dbuser:${var.context.database.resource_id}/${local.service}"]
          : []
        )
      },
    ],
  ) }

  policies = { for name, permissions in local.permissions : name => jsonencode({
    Version = "2012-10-17"
    Statement = [for permission in permissions : {
      for key, value in {
        Effect    = "Allow"
        Action    = permission.actions
        Resource  = permission.resources
        Condition = try(permission.condition, null)
      } : key => value if value != null
    } if length(permission.resources) > 0]
  }) }
}
