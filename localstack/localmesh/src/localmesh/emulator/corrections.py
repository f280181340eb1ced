"""Where MiniStack differs from AWS in ways that matter here, and how it is corrected.

The corrections replace private names, so they are bound to one version: with another one, or with a name missing,
the emulator refuses to start (`EmulatorVersionError`) instead of silently behaving differently.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any, Final

from localmesh.emulator import durability, elsewhere, events, gateway, metrics, objects, queues, sessions, workers
from localmesh.emulator.disk import Disk
from localmesh.emulator.launch import EmulatorOptions
from localmesh.errors import EmulatorVersionError

VERSION: Final = "1.5.33"

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "ministack.app": (
        "main", "save_all", "_build_persistence_save_dict", "_load_persisted_state",
        "SERVICE_REGISTRY", "SERVICE_HANDLERS",
    ),
    "ministack.core.persistence": ("STATE_DIR", "_json_default", "_json_object_hook", "_state_format_version"),
    "ministack.core.iam_actions": ("request_tag_context", "extract_iam_action"),
    "ministack.core.lambda_runtime": (
        "_PYTHON_WORKER_SCRIPT", "acquire_worker", "release_worker", "Worker", "zipfile", "_lock",
    ),
    "ministack.services.lambda_svc": (
        "acquire_worker", "release_worker", "_execute_function_dispatch", "_emit_lambda_metrics",
        "_execute_function", "_run_sqs_batch", "_poll_sqs", "lambda_execute_result_to_api_proxy_response",
        "_get_func_record_for_ref_in_scope", "_execute_function_with_config_scope", "logger",
    ),
    "ministack.services.apigateway": (
        "_invoke_lambda_proxy", "_v2_request_body_is_text", "_cors_response_headers", "_handle_execute_in_scope",
        "_apis",
    ),
    "ministack.services.sts": ("_sessions", "register_session"),
    "ministack.services.dynamodb": ("_tables", "_set_item", "_remove_item"),
    "ministack.services.s3": (
        "_atomic_write", "_record_object_version", "_persist_object", "_fire_s3_event_async", "_fire_s3_event",
        "_next_event_sequencer", "_object_disk_path", "_remove_key_files", "_object_versions", "_buckets",
        "_bucket_notifications", "_error",
    ),
    "ministack.services.sqs": (
        "_queues", "_queues_lock", "_HANDLERS", "_expire_retained", "_dlq_sweep", "_collect_msgs",
        "_receive_messages_for_esm",
    ),
    "ministack.services.eventbridge": (
        "_put_events", "_dispatch_event", "_replays", "_rules", "_targets", "_invoke_target",
        "_pattern_event_view", "_matches_pattern_view", "error_response_json", "_dispatch_to_sqs",
        "new_uuid",
    ),
}  # fmt: skip


def load_corrected(options: EmulatorOptions) -> Any:  # noqa: ANN401 - MiniStack is untyped
    """Import MiniStack, correct it, and return its application module."""
    installed = importlib.metadata.version("ministack")
    if installed != VERSION:
        raise EmulatorVersionError(
            f"the AWS emulator is corrected for ministack {VERSION}, but {installed} is installed: run `make setup`"
        )
    modules = {name: importlib.import_module(name) for name in _NEEDED}
    check_names(modules)
    events.correct(modules["ministack.services.eventbridge"], modules["ministack.core.iam_actions"])
    queues.correct_permissions(modules["ministack.core.iam_actions"])
    workers.correct(modules["ministack.core.lambda_runtime"], modules["ministack.services.lambda_svc"])
    metrics.correct(modules["ministack.services.lambda_svc"])
    queues.correct(
        modules["ministack.services.sqs"],
        modules["ministack.services.eventbridge"],
        modules["ministack.services.lambda_svc"],
        options.needs,
    )
    gateway.correct(modules["ministack.services.lambda_svc"], modules["ministack.services.apigateway"])
    if options.functions_url:
        elsewhere.correct(modules["ministack.services.lambda_svc"], options.functions_url, options.region)
    app, disk = modules["ministack.app"], Disk(options.state_dir)
    sessions.keep(modules["ministack.services.sts"], options.state_dir, disk)
    objects.correct(app, modules["ministack.services.s3"], disk)
    durability.keep(app, modules, disk, options.snapshot_s)
    return app


def check_names(modules: Mapping[str, Any]) -> None:
    """Refuse modules in which a name is missing that a correction needs."""
    needed = [(path, name) for path, names in _NEEDED.items() for name in names]
    missing = [f"{path}.{name}" for path, name in needed if not hasattr(modules[path], name)]
    if missing:
        raise EmulatorVersionError(
            f"ministack {VERSION} lacks what our corrections replace ({', '.join(missing)}): "
            "the installation is damaged, run `make clean setup`"
        )
