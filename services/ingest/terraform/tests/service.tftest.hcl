mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "ingest.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "ingest" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events  = "queue"
      http    = "routes"
      uploads = "queue"
      sweep   = "schedule"
      relay   = "schedule"
      replays = "queue"
    }
    error_message = "Uploads and replays have queues of their own."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-ingest-events collections-test-ingest-events-dlq"
      uploads = "collections-test-ingest-uploads collections-test-ingest-uploads-dlq"
      replays = "collections-test-ingest-replays collections-test-ingest-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-ingest-events"].pattern) == {
      detail-type = [
        "collections.imaging.image-processed.v1",
        "collections.imaging.image-rejected.v1",
        "collections.analysis.item-analyzed.v1",
        "collections.analysis.analysis-failed.v1",
        "collections.embedding.item-embedded.v1",
        "collections.embedding.embedding-failed.v1",
        "collections.ingest.item-deleted.v1",
        "collections.ingest.item-uploaded.v1",
        "collections.ingest.upload-rejected.v1",
        "collections.ingest.retry-requested.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes every event that changes an item's status."
  }

  assert {
    condition = output.service.rules["collections-test-ingest-uploads"].bus == "default" && (
      jsondecode(output.service.rules["collections-test-ingest-uploads"].pattern).detail.object.key == [{ wildcard = "*/uploads/*" }]
    )
    error_message = "S3 publishes uploads on the default bus."
  }

  assert {
    condition = toset([for key, route in output.service.routes : key if route.auth == "none"]) == toset([
      "GET /docs", "GET /docs/{asset}", "GET /health", "GET /openapi.json", "GET /version",
      "HEAD /docs", "HEAD /docs/{asset}", "HEAD /health", "HEAD /openapi.json", "HEAD /version",
    ])
    error_message = "Only routes without user data are public."
  }
}
