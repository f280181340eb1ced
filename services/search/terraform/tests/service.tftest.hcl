mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "search.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "search" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events      = "queue"
      http        = "routes"
      maintenance = "schedule"
    }
    error_message = "It publishes nothing, so it has no relay."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-search-events collections-test-search-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-search-events"].pattern) == {
      detail-type = [
        "collections.imaging.image-processed.v1",
        "collections.analysis.item-analyzed.v1",
        "collections.embedding.item-embedded.v1",
        "collections.ingest.item-deleted.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes the events of its read model."
  }

  assert {
    condition     = alltrue([for function in output.service.functions : contains(function.variables, "DATABASE_SCHEMA")])
    error_message = "Each of its functions works on its schema."
  }

  assert {
    condition     = output.service.functions["maintenance"].timeout_s == 900
    error_message = "An index of a large tenant takes minutes."
  }

  assert {
    condition = toset(keys(output.service.routes)) == toset([
      "GET /items/{id}/similar", "GET /search/config", "HEAD /items/{id}/similar", "HEAD /search/config",
      "POST /search", "POST /search/picture",
    ])
    error_message = "It is called over HTTP."
  }
}
