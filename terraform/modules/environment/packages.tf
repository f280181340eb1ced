# The code of the functions: each distinct zip is uploaded once, under its checksum.

locals {
  index = jsondecode(file(var.packages_file))
  # Relative names are relative to the repository.
  files = { for function, package in local.index : function => startswith(package.file, "/") ? package.file : "${local.repository}/${package.file}" }
  # By the first function that uses it, so that a plan says whose code changes.
  sharing  = { for sha256, functions in transpose({ for function, package in local.index : function => [package.sha256] }) : sha256 => sort(functions)[0] }
  uploader = { for function, package in local.index : function => local.sharing[package.sha256] }
  uploads  = { for function in values(local.sharing) : function => local.files[function] }

  packages = { for function, package in local.index : function => {
    bucket = module.storage.packages.name
    # Through the object, so that no function is told of a zip that is not there yet.
    key    = aws_s3_object.package[local.uploader[function]].key
    sha256 = package.sha256
  } }
}

resource "aws_s3_object" "package" {
  for_each = local.uploads

  bucket                 = module.storage.packages.name
  key                    = "functions/${filesha256(each.value)}.zip"
  source                 = each.value
  source_hash            = filesha256(each.value)
  content_type           = "application/zip"
  server_side_encryption = "AES256"

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = filebase64sha256(each.value) == local.index[each.key].sha256
      error_message = "${each.value} is not the zip that ${var.packages_file} tells of: run `mesh package` again."
    }
  }
}
