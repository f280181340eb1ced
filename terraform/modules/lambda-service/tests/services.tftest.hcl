# What matters for each of our services, from its own manifest.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  context = merge(jsondecode(file("tests/context.json")), {
    packages = merge([for file in fileset("../../../services", "*/service.yaml") : {
      for name in keys(yamldecode(file("../../../services/${file}")).functions) :
      "${dirname(file)}.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }]...)
  })
}

run "analysis" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/analysis/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events = "queue"
      http   = "routes"
      relay  = "schedule"
    }
    error_message = "One consumer, one API, one relay."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-analysis-events collections-test-analysis-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-analysis-events"].pattern) == {
      detail-type = [
        "collections.imaging.image-processed.v1",
        "collections.ingest.item-deleted.v1",
        "collections.analysis.analysis-requested.v1",
      ]
      detail = { replayfor = [{ exists = false }, "analysis"] }
    }
    error_message = "It hears of pictures, of deletions, and its own requests."
  }

  assert {
    condition = alltrue([for name in ["ANALYSIS_FALLBACK", "ANALYSIS_PROVIDER", "ANTHROPIC_MODEL", "OPENAI_MODEL"] :
      contains(output.functions["events"].variables, name) && contains(output.functions["http"].variables, name)
    ])
    error_message = "Both ways to an analysis choose the provider by configuration."
  }

  assert {
    condition     = output.routes["POST /items/{id}/analyze"].function == "http"
    error_message = "Analyses are asked for over HTTP."
  }
}

run "chat" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/chat/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events      = "queue"
      http        = "routes"
      maintenance = "schedule"
      relay       = "schedule"
    }
    error_message = "One consumer, one API, and two schedules."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-chat-events collections-test-chat-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-chat-events"].pattern) == {
      detail-type = [
        "collections.analysis.item-analyzed.v1",
        "collections.embedding.item-embedded.v1",
        "collections.ingest.item-deleted.v1",
        "collections.sessions.session-deleted.v1",
        "collections.sessions.session-expired.v1",
        "collections.sessions.session-expired.v2",
        "collections.sessions.session-expired.v3",
      ]
      detail = { replayfor = [{ exists = false }, "chat"] }
    }
    error_message = "It hears what its read model needs, and ended sessions in every version that an archive may hold."
  }

  assert {
    condition     = output.tables == { checkpoints = "collections-test-checkpoints" }
    error_message = "The agent's memory is a table."
  }

  assert {
    condition     = alltrue([for name in ["events", "http"] : contains(output.functions[name].variables, "TABLE_CHECKPOINTS")])
    error_message = "Who answers and who forgets knows the agent's memory."
  }

  assert {
    condition     = output.routes == { "POST /chat" = { auth = "jwt", function = "http" } }
    error_message = "There is one route, for users alone."
  }
}

run "embedding" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/embedding/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events   = "queue"
      http     = "routes"
      rebuilds = "queue"
      relay    = "schedule"
    }
    error_message = "Rebuilds have a queue of their own."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events   = "collections-test-embedding-events collections-test-embedding-events-dlq"
      rebuilds = "collections-test-embedding-rebuilds collections-test-embedding-rebuilds-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-embedding-events"].pattern) == {
      detail-type = [
        "collections.analysis.item-analyzed.v1",
        "collections.ingest.item-deleted.v1",
      ]
      detail = { replayfor = [{ exists = false }, "embedding"] }
    }
    error_message = "It hears of descriptions and deletions."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-embedding-rebuilds"].pattern) == {
      detail-type = [
        "collections.embedding.rebuild-requested.v1",
      ]
      detail = { replayfor = [{ exists = false }, "embedding"] }
    }
    error_message = "Rebuilds do not wait behind descriptions."
  }

  assert {
    condition     = output.functions["rebuilds"].timeout_s == 300 && contains(output.functions["rebuilds"].variables, "REBUILD_BUDGET_S")
    error_message = "A rebuild has time, and a budget of it."
  }
}

run "imaging" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/imaging/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events = "queue"
      http   = "routes"
      relay  = "schedule"
    }
    error_message = "One consumer, one API, one relay."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-imaging-events collections-test-imaging-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-imaging-events"].pattern) == {
      detail-type = [
        "collections.ingest.item-uploaded.v1",
        "collections.ingest.item-deleted.v1",
      ]
      detail = { replayfor = [{ exists = false }, "imaging"] }
    }
    error_message = "It hears of originals that come and go."
  }

  assert {
    condition     = alltrue([for name in ["QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "IMAGES_BUCKET"] : contains(output.functions["events"].variables, name)])
    error_message = "The consumer knows its queues and the bucket."
  }

  assert {
    condition     = output.tables == {}
    error_message = "Nothing is kept outside Postgres and the bucket."
  }
}

run "ingest" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/ingest/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events  = "queue"
      http    = "routes"
      uploads = "queue"
      relay   = "schedule"
    }
    error_message = "Uploads have a queue of their own."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-ingest-events collections-test-ingest-events-dlq"
      uploads = "collections-test-ingest-uploads collections-test-ingest-uploads-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-ingest-events"].pattern) == {
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
      ]
      detail = { replayfor = [{ exists = false }, "ingest"] }
    }
    error_message = "It hears everything that changes an item's status."
  }

  assert {
    condition = output.rules["collections-test-ingest-uploads"].bus == "default" && (
      jsondecode(output.rules["collections-test-ingest-uploads"].pattern).detail.object.key == [{ wildcard = "*/uploads/*" }]
    )
    error_message = "S3 tells of uploads on the default bus."
  }

  assert {
    condition = toset([for key, route in output.routes : key if route.auth == "none"]) == toset([
      "GET /docs", "GET /docs/{asset}", "GET /health", "GET /openapi.json", "GET /version",
    ])
    error_message = "Only what says nothing of anybody is open to all."
  }
}

run "search" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/search/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      events      = "queue"
      http        = "routes"
      maintenance = "schedule"
    }
    error_message = "It publishes nothing, so it has no relay."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-search-events collections-test-search-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-search-events"].pattern) == {
      detail-type = [
        "collections.analysis.item-analyzed.v1",
        "collections.embedding.item-embedded.v1",
        "collections.ingest.item-deleted.v1",
      ]
      detail = { replayfor = [{ exists = false }, "search"] }
    }
    error_message = "It hears what its read model needs."
  }

  assert {
    condition     = alltrue([for function in output.functions : contains(function.variables, "DATABASE_SCHEMA")])
    error_message = "Each of its functions works on its schema."
  }

  assert {
    condition     = output.functions["maintenance"].timeout_s == 900
    error_message = "An index of a large tenant takes minutes."
  }

  assert {
    condition     = toset(keys(output.routes)) == toset(["GET /search/config", "POST /search"])
    error_message = "It is asked over HTTP."
  }
}

run "sessions" {
  command = plan
  variables {
    manifest = yamldecode(file("../../../services/sessions/service.yaml"))
  }

  assert {
    condition = { for name, function in output.functions : name => function.trigger } == {
      cleanup = "schedule"
      events  = "queue"
      http    = "routes"
      relay   = "schedule"
    }
    error_message = "One consumer, one API, and two schedules."
  }

  assert {
    condition = { for name, function in output.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events = "collections-test-sessions-events collections-test-sessions-events-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.rules["collections-test-sessions-events"].pattern) == {
      detail-type = [
        "collections.chat.turn-completed.v1",
      ]
      detail = { replayfor = [{ exists = false }, "sessions"] }
    }
    error_message = "It hears of turns."
  }

  assert {
    condition     = output.rules["collections-test-sessions-cleanup"].schedule == "rate(1 hour)"
    error_message = "Sessions are cleaned up every hour."
  }

  assert {
    condition = output.tables == { sessions = "collections-test-sessions" } && alltrue([
      for name in ["cleanup", "events", "http"] : contains(output.functions[name].variables, "TABLE_SESSIONS")
    ])
    error_message = "All but the relay work on the table."
  }
}
