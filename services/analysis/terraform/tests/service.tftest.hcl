mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "analysis.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "analysis" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events  = "queue"
      http    = "routes"
      relay   = "schedule"
      replays = "queue"
    }
    error_message = "One consumer, one API, one relay, and replays."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-analysis-events collections-test-analysis-events-dlq"
      replays = "collections-test-analysis-replays collections-test-analysis-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-analysis-events"].pattern) == {
      detail-type = [
        "collections.imaging.image-processed.v1",
        "collections.imaging.image-rejected.v1",
        "collections.ingest.upload-rejected.v1",
        "collections.ingest.item-deleted.v1",
        "collections.analysis.analysis-requested.v1",
        "collections.ingest.retry-requested.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes pictures, rejections, deletions, its own requests, and those to start again."
  }

  assert {
    condition = alltrue([for name in ["ANALYSIS_FALLBACK", "ANALYSIS_PROVIDER", "ANTHROPIC_MODEL", "OPENAI_MODEL"] :
      contains(output.service.functions["events"].variables, name) && contains(output.service.functions["http"].variables, name)
    ])
    error_message = "Both entry points of an analysis choose the provider by configuration."
  }

  assert {
    condition     = output.service.routes["POST /items/{id}/analyze"].function == "http"
    error_message = "Analyses are requested over HTTP."
  }
}
