locals {
  name = "collections-${var.environment}"
  # Root certificates for verifying the server, shipped with the functions.
  roots = file("${path.module}/../../../services/lib/chassis/src/chassis/rds-ca.pem")
  # The major version of the local mesh; RDS picks the current minor one, and has pgvector 0.8 for it.
  engine_version = "18"
  # RDS computes memory / 9531392, and reserves some for itself.
  connections = { "db.t4g.micro" = 80, "db.t4g.small" = 170, "db.t4g.medium" = 350 }
  logs        = ["iam-db-auth-error", "postgresql", "upgrade"]
}

resource "aws_db_parameter_group" "this" {
  # A replacement is created before this one is destroyed, so each needs a unique name.
  name_prefix = "${local.name}-postgres${local.engine_version}-"
  family      = "postgres${local.engine_version}"
  description = "TLS only, named extensions, logs without values"

  # Set explicitly, independent of the version's defaults. RDS reports values that equal its defaults as pending a reboot,
  # whatever method was set: any other method would be a change in every plan. The instance is created with the group, so
  # nothing is pending.
  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }

  # Only SCRAM is accepted, so passwords must be stored as SCRAM.
  parameter {
    name         = "password_encryption"
    value        = "scram-sha-256"
    apply_method = "pending-reboot"
  }

  parameter {
    name         = "rds.accepted_password_auth_method"
    value        = "scram"
    apply_method = "pending-reboot"
  }

  # Half of RDS's default: IAM sign-ins need 300 MiB beside Postgres, and a db.t4g.micro has 1 GiB in total.
  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
  parameter {
    name         = "shared_buffers"
    value        = "{DBInstanceClassMemory/65536}"
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "rds.allowed_extensions"
    value = join(",", sort(var.database.extensions))
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  # Slow statements are logged without parameter values.
  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with its own key; a key of ours costs a dollar a month and adds no protection
  #checkov:skip=CKV_AWS_338:Two weeks find the cause of a fault; what must be kept is an event
  for_each = toset(local.logs)

  name              = "/aws/rds/instance/${local.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_17:Functions run outside a VPC, which saves a NAT gateway (33 dollars a month); see network.tf for the protection
  #checkov:skip=CKV_AWS_157:A standby doubles the price; a restore from backup takes minutes, and queues hold the events meanwhile
  #checkov:skip=CKV_AWS_118:Enhanced monitoring bills its logs; Database Insights shows the load for nothing
  #checkov:skip=CKV_AWS_354:The key of AWS (aws/rds): samples of statements carry no values
  #checkov:skip=CKV_AWS_293:Deletion protection follows `protect`, which is on in production
  identifier     = local.name
  engine         = "postgres"
  engine_version = local.engine_version
  instance_class = var.instance_class
  db_name        = var.database.name

  storage_type          = "gp3"
  allocated_storage     = var.storage.initial
  max_allocated_storage = var.storage.maximum
  storage_encrypted     = true

  # The administrator signs in with a password once, to create the roles; it is kept in Secrets Manager, rotated every
  # seven days and is in no plan or state. Services have no password: their roles sign in with tokens of IAM.
  username                            = "administrator"
  manage_master_user_password         = true
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = true
  port                   = 5432
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  parameter_group_name            = aws_db_parameter_group.this.name
  enabled_cloudwatch_logs_exports = local.logs

  auto_minor_version_upgrade = true
  maintenance_window         = "sun:04:00-sun:05:00"
  apply_immediately          = !var.protect

  backup_window             = "02:00-03:00"
  backup_retention_period   = var.backup_days
  copy_tags_to_snapshot     = true
  delete_automated_backups  = !var.protect
  deletion_protection       = var.protect
  skip_final_snapshot       = !var.protect
  final_snapshot_identifier = var.protect ? "${local.name}-final" : null

  # Seven days of Database Insights cost nothing.
  database_insights_mode                = "standard"
  performance_insights_enabled          = true
  performance_insights_retention_period = 7

  lifecycle {
    precondition {
      condition     = strcontains(local.roots, "# Amazon RDS ${var.region} Root CA")
      error_message = "No function could verify a database in ${var.region}: services/lib/chassis/src/chassis/rds-ca.pem has no root certificate of RDS there. Add it from https://truststore.pki.rds.amazonaws.com/${var.region}/${var.region}-bundle.pem, each with the line that names it."
    }
  }

  depends_on = [
    # RDS would create the log groups itself, without a retention period.
    aws_cloudwatch_log_group.this,
    # A public address needs a route to the internet.
    aws_route.internet,
  ]
}
