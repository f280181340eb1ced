# The code of the functions: each distinct zip is uploaded once, under its checksum.

locals {
  index = jsondecode(file(var.artifacts.packages_file))
  # Relative names are relative to the repository.
  files = { for function, package in local.index : function => startswith(package.file, "/") ? package.file : "${local.repository}/${package.file}" }
  zips  = { for function, file in local.files : function => filesha256(file) }
  # Keyed by the zip's content only: if objects were named by their functions, a new grouping of functions would destroy
  # an old object after the new one was uploaded to the same key.
  uploads = { for function, sha256 in local.zips : sha256 => function... }

  packages = { for function, package in local.index : function => {
    bucket = module.storage.packages.name
    # Through the object, so that a function is updated only after its zip was uploaded.
    key    = aws_s3_object.package[local.zips[function]].key
    sha256 = package.sha256
  } }
}

resource "aws_s3_object" "package" {
  for_each = local.uploads

  bucket                 = module.storage.packages.name
  key                    = "functions/${each.key}.zip"
  source                 = local.files[each.value[0]]
  source_hash            = each.key
  content_type           = "application/zip"
  server_side_encryption = "AES256"

  lifecycle {
    create_before_destroy = true
    # The zip's path, which differs between machines; the key is its content.
    ignore_changes = [source]

    precondition {
      condition     = alltrue([for function in each.value : local.index[function].sha256 == filebase64sha256(local.files[function])])
      error_message = "The zip of ${join(", ", each.value)} does not match ${var.artifacts.packages_file}: run `mesh package` again."
    }
  }
}
