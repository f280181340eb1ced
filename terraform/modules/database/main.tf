locals {
  name = "collections-${var.environment}"
  # What clients verify the server's certificate with, shipped with the functions.
  roots = file("${path.module}/../../../services/lib/chassis/src/chassis/rds-ca.pem")
  # The major version of the local mesh; RDS picks the current minor one, and has pgvector 0.8 for it.
  engine_version = "18"
  # RDS reckons memory / 9531392, and leaves some for itself.
  connections = { "db.t4g.micro" = 80, "db.t4g.small" = 170, "db.t4g.medium" = 350 }
  logs        = ["iam-db-auth-error", "postgresql", "upgrade"]
}

resource "aws_db_parameter_group" "this" {
  # Another one is made before this one goes, so each needs a name of its own.
  name_prefix = "${local.name}-postgres${local.engine_version}-"
  family      = "postgres${local.engine_version}"
  description = "TLS only, named extensions, logs without values"

  # Whatever RDS's defaults for the version. What is such a default is told back by RDS as pending a reboot, whatever it
  # was set by: any other method would be a change in every plan. The instance is made with the group, so none waits.
  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }

  # Where only SCRAM is accepted, passwords must be kept as SCRAM.
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

  # Half of RDS's default: signing in by IAM needs 300 MiB beside Postgres, and a db.t4g.micro has 1 GiB of all.
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

  # Slow statements are logged without what users wrote.
  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with its own key; a key of ours costs a dollar a month and guards the same door
  #checkov:skip=CKV_AWS_338:Two weeks find the cause of a fault; what must be kept is an event
  for_each = toset(local.logs)

  name              = "/aws/rds/instance/${local.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_17:Functions run outside a VPC, which saves a NAT gateway (33 dollars a month); see network.tf for what guards the door
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

  # The administrator signs in with a password once, to make the roles; it lives in Secrets Manager, is renewed every
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
    # RDS would make the groups itself, without an end to what they keep.
    aws_cloudwatch_log_group.this,
    # No public address without a way to the internet.
    aws_route.internet,
  ]
}
