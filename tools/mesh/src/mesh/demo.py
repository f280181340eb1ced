"""The demo: a user, a dozen pictures, a search of each type, a conversation of two turns, and how to go on.

Everything goes through the HTTP API with a real token, so it also shows how to write a client.
"""

import json
import secrets
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from localmesh.config import MeshSettings
from localmesh.pictures import Picture, make_pictures
from localmesh.provision import Provisioned
from mesh.client import Api, Identity, Json

STEPS = ("uploaded", "processed", "analyzed", "searchable")
ENDS = ("rejected", "failed")
QUESTION = "coffee receipt from Tokyo"
CONVERSATION = ("Which receipts do I have?", "And which of those are in Tokyo?")


@dataclass(frozen=True, slots=True)
class DemoUser:
    """The local user of a demo: a new one each time, so that its collection holds the demo's pictures alone."""

    email: str
    password: str

    @classmethod
    def create(cls, file: Path) -> "DemoUser":
        """A new user, whose e-mail address and password are written to the file, readable by its owner only."""
        user = cls(f"demo-{int(time.time())}@example.com", f"Demo-{secrets.token_urlsafe(12)}-1a")
        _write_private(file, json.dumps({"email": user.email, "password": user.password}))
        return user


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def run_demo(settings: MeshSettings, provisioned: Provisioned, console: Console) -> bool:
    """Run the demo against a mesh that is up; returns whether every picture reached its expected status.

    Raises:
        mesh.client.ApiError: the API refused a request of the demo.
        TimeoutError: a picture did not get through in time.
    """
    token = _sign_in(settings, provisioned, console)
    with Api(provisioned.api_url, token) as api, tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder))
        as_planned = _upload(api, pictures, console)
        names = {item["id"]: item["original_filename"] for item in api.items()}
        _search(api, names, console)
        _talk(api, names, console)
        _summary(api, console)
    _how_to_go_on(settings, provisioned, token, console)
    return as_planned


def _sign_in(settings: MeshSettings, provisioned: Provisioned, console: Console) -> str:
    identity = Identity(
        endpoint_url=settings.emulator_url,
        region=settings.region,
        user_pool_id=provisioned.user_pool_id,
        client_id=provisioned.client_id,
    )
    user = DemoUser.create(settings.paths.root / "demo-user.json")
    identity.ensure_user(user.email, user.password)
    console.print(f"\nSigned up and signed in through Cognito as [bold]{user.email}[/].")
    return identity.sign_in(user.email, user.password)


def _upload(api: Api, pictures: list[Picture], console: Console) -> bool:
    console.print(f"Uploading {len(pictures)} pictures (one of them is broken on purpose).\n")
    started: dict[str, float] = {}
    reached: dict[str, dict[str, float]] = {}
    picture_of: dict[str, Picture] = {}
    reasons: dict[str, str] = {}

    def table() -> Table:
        grid = Table(title="seconds since upload", title_justify="left")
        grid.add_column("picture", no_wrap=True)
        for step in STEPS:
            grid.add_column(step, justify="right", no_wrap=True)
        for item_id, picture in picture_of.items():
            steps = reached[item_id]
            times = [f"{steps[step]:.1f}" if step in steps else "" for step in STEPS]
            end = next((status for status in ENDS if status in steps), None)
            if end is not None:
                times[-1] = f"[red]{end}[/]"
            grid.add_row(picture.name, *times)
        return grid

    with Live(table(), console=console, refresh_per_second=8) as live:

        def changed(item: Json) -> None:
            reached[item["id"]].setdefault(item["status"], time.monotonic() - started[item["id"]])
            reasons[item["id"]] = item.get("status_reason") or ""
            live.update(table())

        for picture in pictures:
            begun = time.monotonic()
            item = api.upload(picture.path)
            started[item["id"]], picture_of[item["id"]] = begun, picture
            reached[item["id"]] = {"uploaded": time.monotonic() - begun}
            live.update(table())
        final = api.follow(list(picture_of), timeout_s=180, changed=changed)
        live.update(table())
    wrong = [picture.name for item_id, picture in picture_of.items() if final[item_id]["status"] != picture.outcome]
    for item_id, picture in picture_of.items():
        if reasons.get(item_id):
            console.print(f"{picture.name}: {reasons[item_id]}", highlight=False)
    for name in wrong:
        console.print(f"[red]{name} did not reach the expected status[/]")
    console.print()
    return not wrong


def _search(api: Api, names: dict[str, str], console: Console) -> None:
    for search_type in ("bm25", "vector", "hybrid", "agentic"):
        begun = time.monotonic()
        answer = api.search(QUESTION, search_type=search_type, top_k=3)
        took = (time.monotonic() - begun) * 1000
        retrieval = answer["retrieval_time_ms"]
        grid = Table("", "score", "picture", "headline", title_justify="left", min_width=60)
        grid.title = f"{search_type}: “{QUESTION}” ({took:.0f} ms in all, retrieval {retrieval:.0f} ms)"
        for result in answer["results"]:
            name = names.get(result["item_id"], "?")
            grid.add_row(str(result["rank"]), f"{result['score']:.3f}", name, result["headline"])
        console.print(grid)
        if answer.get("answer"):
            console.print(f"  {_readable(answer['answer'], names)}\n", highlight=False, markup=False)


def _talk(api: Api, names: dict[str, str], console: Console) -> None:
    session = str(uuid.uuid4())
    console.print("A conversation; its second question needs the first:\n")
    for question in CONVERSATION:
        begun = time.monotonic()
        answer = api.chat(session, question)
        console.print(f"[bold]you[/]   {question}", highlight=False)
        text = _readable(answer["message"]["content"], names)
        console.print(f"agent {text}", highlight=False, markup=False)
        tools = ", ".join(tool["name"] for tool in answer.get("tools_used") or [])
        took = time.monotonic() - begun
        console.print(f"      [dim]turn {answer['conversation_turn']}, {took:.1f} s, tools: {tools or 'none'}[/]\n")


def _summary(api: Api, console: Console) -> None:
    grid = Table("picture", "status", "category", "headline", title="the collection now", title_justify="left")
    for item in api.items():
        analysis: dict[str, Any] = item["latest_analysis"] or {}
        headline = (analysis.get("raw_response") or {}).get("headline") or item.get("status_reason") or ""
        grid.add_row(item["original_filename"], item["status"], analysis.get("category") or "", headline)
    console.print(grid)


def _how_to_go_on(settings: MeshSettings, provisioned: Provisioned, token: str, console: Console) -> None:
    kept = settings.paths.root / "demo-token"
    _write_private(kept, token)
    console.print(f"\nThe mesh stays up. API: [bold]{provisioned.api_url}[/]\n", soft_wrap=True)
    lines = [
        f"API={provisioned.api_url}",
        f'TOKEN=$(cat "{kept}")   # good for an hour; `make demo` writes a new one',
        'curl -s -H "Authorization: Bearer $TOKEN" "$API/items?limit=3"',
        'curl -s -H "Authorization: Bearer $TOKEN" -F file=@picture.png "$API/items"',
        'curl -s -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" '
        """-d '{"query": "receipts in Tokyo"}' "$API/search\"""",
        "make status          # processes, functions, queues, dead letters",
        "make logs SERVICE=imaging",
        "make down            # stop; " + _after(settings),
    ]
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)


def _after(settings: MeshSettings) -> str:
    kept = "durability" in settings.backend.capabilities
    return "everything is there again after make up" if kept else "pictures are not kept by LocalStack"


def _readable(answer: str, names: dict[str, str]) -> str:
    """Ids of items as the names of their pictures."""
    for item_id, name in names.items():
        answer = answer.replace(item_id, name)
    return answer
