# DynamoDB tables of a service: paid by request, restorable to any second of the last 35 days.

locals {
  keys = { for name, table in var.tables : name => toset(compact(concat(
    [table.partition_key, table.sort_key],
    flatten([for index in values(table.indexes) : [index.partition_key, index.sort_key]]),
  ))) }
}

resource "aws_dynamodb_table" "main" {
  #checkov:skip=CKV_AWS_119:Encrypted with the key that AWS manages for DynamoDB; one of ours costs 1 USD a month
  for_each = var.tables

  name                        = "${var.prefix}${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.partition_key
  range_key                   = each.value.sort_key
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.keys[each.key]
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes
    content {
      name            = global_secondary_index.key
      projection_type = "ALL"

      key_schema {
        attribute_name = global_secondary_index.value.partition_key
        key_type       = "HASH"
      }

      dynamic "key_schema" {
        for_each = global_secondary_index.value.sort_key[*]
        content {
          attribute_name = key_schema.value
          key_type       = "RANGE"
        }
      }
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl[*]
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}
