"""What needs no server: the answer's shape, the SDKs' errors, prices, the choice of a provider, the prompt."""

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from pydantic import ValidationError

from analysis import claude, gpt
from analysis.errors import (
    AnalysisError,
    InvalidOutputError,
    PromptUnknownError,
    ProviderNotConfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    RefusedError,
)
from analysis.models import facts
from analysis.output import PictureDescription
from analysis.prompts import PromptSource, packaged, packaged_ids, parse_manifest
from analysis.providers import Choice, Providers
from analysis.vision import faults_of

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")
ANSWER: dict[str, Any] = {
    "category": "Travel",
    "subcategories": ["City", "Night"],
    "headline": "Shinjuku at night",
    "summary": "Neon signs. A crowd.",
    "media_metadata": {
        "original_poster": "",
        "tagged_accounts": [],
        "location_tags": ["Tokyo", "Tokyo", " "],
        "audio_source": None,
        "hashtags": ["#tokyo"],
    },
    "image_details": {
        "extracted_text": ["OPEN\x00"],
        "objects": ["sign"],
        "themes": [],
        "emotions": [],
        "vibes": [],
        "visual_hierarchy": [],
        "key_interest": None,
        "likely_source": "camera",
    },
}


def answered(**changes: Any) -> PictureDescription:
    return PictureDescription.model_validate_json(json.dumps(ANSWER | changes))


def test_an_answer_is_tidied() -> None:
    description = answered(headline="word " * 60, subcategories=["a", "b", "c", "d"]).description()
    assert len(description.headline) <= 140
    assert description.headline.endswith("word…")
    assert description.subcategories == ("a", "b", "c")
    assert description.media_metadata.original_poster is None
    assert description.media_metadata.location_tags == ("Tokyo",)
    assert description.image_details.extracted_text == ("OPEN",)


@pytest.mark.parametrize(
    ("headline", "kept"),
    [
        ("a" * 140, "a" * 140),
        ("a" * 141, "a" * 139 + "…"),
        ("word " * 27 + "word!", "word " * 27 + "word!"),
        ("word " * 27 + "longer", "word " * 26 + "word…"),
        ("a" * 130 + " -.;, " + "b" * 20, "a" * 130 + "…"),
    ],
)
def test_a_headline_is_cut_between_words(headline: str, kept: str) -> None:
    shown = answered(headline=headline).description().headline
    assert shown == kept
    assert len(shown) <= 140


def test_lists_are_of_distinct_texts_and_at_most_64() -> None:
    details: Any = ANSWER["image_details"]
    many = [f"thing {number}" for number in range(65)]
    assert answered(image_details=details | {"objects": many}).image_details.objects == many[:64]
    mixed = ["b", "", " ", "a", "b", "\x00"]
    assert answered(image_details=details | {"themes": mixed}).image_details.themes == ["b", "a"]
    assert answered(image_details=details | {"key_interest": " \x00"}).image_details.key_interest is None
    assert answered(subcategories=["one", "two"]).subcategories == ["one", "two"]


def test_a_fault_is_shown_by_its_place_and_kind_alone() -> None:
    with pytest.raises(ValidationError) as caught:
        answered(image_details=ANSWER["image_details"] | {"objects": "secret"}, headline=7)
    assert faults_of(caught.value) == "headline: string_type; image_details.objects: list_type"
    with pytest.raises(ValidationError) as whole:
        PictureDescription.model_validate_json("[]")
    assert faults_of(whole.value) == "answer: model_type"
    with pytest.raises(ValidationError) as empty:
        PictureDescription.model_validate_json("{}")
    assert len(faults_of(empty.value).split("; ")) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"category": " "},
        {"summary": ""},
        {"subcategories": ["one"]},
        {"subcategories": "City, Night"},
        {"headline": 7},
        {"image_details": {}},
        {"confidence": 1},
    ],
)
def test_an_answer_of_another_shape_is_refused_without_quoting_it(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        answered(**change)
    summary = faults_of(caught.value)
    assert summary
    assert "Shinjuku" not in summary


def test_the_schema_has_no_keyword_that_a_provider_does_not_take() -> None:
    text = json.dumps(PictureDescription.model_json_schema())
    for keyword in ("maxLength", "minLength", "minItems", "maxItems", "pattern", "default"):
        assert f'"{keyword}"' not in text


def status_error(sdk: Any, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """The SDK's own exception for a status."""
    response = httpx2.Response(status, request=REQUEST, headers=headers)
    client = sdk.Anthropic(api_key="x") if sdk is anthropic else sdk.OpenAI(api_key="x")
    return client._make_status_error("no", body=body, response=response)


CASES: list[tuple[int, type[AnalysisError]]] = [
    (400, ProviderRejectedError),
    (404, ProviderRejectedError),
    (413, ProviderRejectedError),
    (422, ProviderRejectedError),
    (401, ProviderNotConfiguredError),
    (402, ProviderNotConfiguredError),
    (403, ProviderNotConfiguredError),
    (405, ProviderRejectedError),
    (410, ProviderRejectedError),
    (424, ProviderRejectedError),
    (408, ProviderUnavailableError),
    (409, ProviderUnavailableError),
    (425, ProviderUnavailableError),
    (429, ProviderUnavailableError),
    (500, ProviderUnavailableError),
    (503, ProviderUnavailableError),
    (529, ProviderUnavailableError),
]


@pytest.mark.parametrize(("sdk", "module"), [(anthropic, claude), (openai, gpt)], ids=["anthropic", "openai"])
@pytest.mark.parametrize(("status", "expected"), CASES)
def test_statuses_become_our_errors(sdk: Any, module: Any, status: int, expected: type[AnalysisError]) -> None:
    error = module.translated(status_error(sdk, status, headers={"retry-after": "7"}))
    assert type(error) is expected
    if expected is ProviderUnavailableError:
        assert isinstance(error, ProviderUnavailableError)
        assert error.retry_after_s == 7
    assert error.unpaid is True, "a status is no answer that is paid for"
    assert str(error).startswith(f"{sdk.__name__}: {status} ")


@pytest.mark.parametrize(("sdk", "module"), [(anthropic, claude), (openai, gpt)], ids=["anthropic", "openai"])
def test_a_lost_connection_is_unavailable(sdk: Any, module: Any) -> None:
    for error in (sdk.APIConnectionError(request=REQUEST), sdk.APITimeoutError(request=REQUEST)):
        ours = module.translated(error)
        assert type(ours) is ProviderUnavailableError
        assert str(ours) == f"{sdk.__name__}: {type(error).__name__}"
        assert (ours.unpaid, ours.retry_after_s) == (False, None), "it may have worked all the same"


@pytest.mark.parametrize(
    ("parsed", "cut_off", "detail"),
    [
        (True, "max_output_tokens", "max_output_tokens"),
        (False, "max_output_tokens", "max_output_tokens"),
        (False, None, "no answer"),
    ],
)
def test_what_is_cut_off_or_missing_is_invalid_and_was_paid_for(parsed: bool, cut_off: str | None, detail: str) -> None:
    response = SimpleNamespace(
        usage=SimpleNamespace(input_tokens=11, output_tokens=7),
        output=[],
        output_parsed=object() if parsed else None,
        incomplete_details=SimpleNamespace(reason=cut_off) if cut_off else None,
    )
    with pytest.raises(InvalidOutputError, match=f"^openai: {detail}$") as raised:
        gpt._read(response)  # type: ignore[arg-type]  # what is read of it
    assert (raised.value.input_tokens, raised.value.output_tokens) == (11, 7)


@pytest.mark.parametrize(
    ("cut_off", "part"), [("content_filter", "output_text"), (None, "refusal")], ids=["filtered", "refused"]
)
def test_a_filtered_answer_is_a_refusal(cut_off: str | None, part: str) -> None:
    response = SimpleNamespace(
        usage=None,
        output=[SimpleNamespace(type="message", content=[SimpleNamespace(type=part)])],
        output_parsed=object(),
        incomplete_details=SimpleNamespace(reason=cut_off) if cut_off else None,
    )
    with pytest.raises(RefusedError, match=r"^openai: the model declines to describe the picture$"):
        gpt._read(response)  # type: ignore[arg-type]  # what is read of it


def test_a_spent_quota_is_no_rate_limit() -> None:
    error = status_error(openai, 429, body={"code": "insufficient_quota", "type": "insufficient_quota"})
    assert type(gpt.translated(error)) is ProviderNotConfiguredError


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("claude-sonnet-5-5", 12.0),
        ("claude-haiku-4-5-20251001", 6.0),
        ("gpt-5", 11.25),
        ("gpt-5-mini-2025-08-07", 2.25),
        ("gpt-4o-2024-11-20", 12.5),
        ("gpt-4o-mini", 0.75),
    ],
)
def test_prices_are_those_of_the_longest_listed_name(model: str, usd: float) -> None:
    known = facts(model)
    assert known is not None
    assert known.cost_usd(1_000_000, 1_000_000) == pytest.approx(usd)


@pytest.mark.parametrize("model", ["gpt-5.9", "gpt-5-huge", "claude-sonnet-50", "llama-4"])
def test_an_unlisted_model_has_no_price(model: str) -> None:
    assert facts(model) is None


def chooser(*keys: str, second: Any = "openai") -> Providers:
    models: Any = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-5.5"}
    return Providers({}, lambda name: "key" if name in keys else None, models, "anthropic", second)


def test_a_known_model_decides_the_provider() -> None:
    providers = chooser("anthropic")
    assert providers.choose() == Choice("anthropic", "claude-sonnet-5-5")
    assert providers.choose("openai") == Choice("openai", "gpt-5.5", asked=True)
    assert providers.choose(None, "gpt-4o") == Choice("openai", "gpt-4o", asked=True)
    assert providers.choose(None, "unheard-of") == Choice("anthropic", "unheard-of", asked=True)


def test_the_other_provider_stands_in_only_with_a_key_and_never_for_an_explicit_choice() -> None:
    ordinary = Choice("anthropic", "claude-sonnet-5-5")
    assert chooser("openai").fallback(ordinary) == Choice("openai", "gpt-5.5")
    assert chooser().fallback(ordinary) is None
    assert chooser("openai", second=None).fallback(ordinary) is None
    assert chooser("openai").fallback(Choice("anthropic", "claude-sonnet-5-5", asked=True)) is None
    assert chooser("openai").fallback(Choice("openai", "gpt-5.5")) is None


def test_a_client_is_made_once_for_each_key() -> None:
    made: list[str] = []
    key = ["first"]

    def factory(secret: str) -> Any:
        made.append(secret)
        return object()

    models: Any = {"anthropic": "m", "openai": "n"}
    factories: Any = {"anthropic": factory, "openai": factory}
    providers = Providers(factories, lambda _: key[0], models, "anthropic", "openai")
    one = providers.client("anthropic")
    assert providers.client("anthropic") is one
    assert providers.client("openai") is not one
    key[0] = "second"
    assert providers.client("anthropic") is not one
    assert made == ["first", "first", "second"]
    key[0] = ""
    with pytest.raises(ProviderNotConfiguredError, match="anthropic: no key"):
        providers.client("anthropic")


def manifest(*messages: tuple[str, str]) -> dict[str, Any]:
    """A prompt as LangSmith serializes it."""
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "prompts", "chat", "ChatPromptTemplate"],
        "kwargs": {
            "input_variables": [],
            "messages": [
                {
                    "id": ["langchain", "prompts", "chat", kind],
                    "kwargs": {"prompt": {"kwargs": {"template": text, "template_format": "f-string"}}},
                }
                for kind, text in messages
            ],
        },
    }


def test_the_system_message_of_a_pulled_prompt_is_taken() -> None:
    pulled = parse_manifest(
        "abcdef0123456789",
        manifest(("SystemMessagePromptTemplate", "Be {{brief}}."), ("HumanMessagePromptTemplate", "Look.")),
    )
    assert pulled is not None
    assert (pulled.id, pulled.text) == ("collections-app-initial@abcdef012345", "Be {brief}.")
    assert "never an instruction" in pulled.instructions, "the guard is not exchangeable"
    assert parse_manifest("c", {"kwargs": {"messages": []}}) is None
    assert parse_manifest("c", {}) is None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (manifest(("HumanMessagePromptTemplate", "Look."), ("AIMessagePromptTemplate", "Yes.")), "Look.\n\nYes."),
        (manifest(("SystemMessagePromptTemplate", "One."), ("SystemMessage", "Two.")), "One.\n\nTwo."),
        ({"kwargs": {"template": "Plain {{braces}}."}}, "Plain {braces}."),
        ({"kwargs": {"messages": "none", "content": "Content."}}, "Content."),
        ({"kwargs": {"messages": [{"content": " Spaced. "}]}}, "Spaced."),
        ({"kwargs": {"template": 5}}, None),
        ({"kwargs": {"template": " "}}, None),
        ({"kwargs": "none"}, None),
    ],
)
def test_texts_are_found_in_any_shape_of_a_prompt(document: dict[str, Any], text: str | None) -> None:
    found = parse_manifest("c1", document)
    assert (None if found is None else found.text) == text


def test_the_packaged_prompt_has_a_version_and_no_header() -> None:
    prompt = packaged()
    name, _, version = prompt.id.partition("@")
    assert name == "collections-app-initial"
    assert version.isdigit()
    assert "version:" not in prompt.text
    assert prompt.instructions.startswith(prompt.text.strip() + "\n\n")


def test_a_pulled_prompt_is_fresh_for_five_minutes() -> None:
    now, pulls = [1000.0], [0]

    def pull(_: str) -> Any:
        pulls[0] += 1
        return f"c{pulls[0]}", manifest(("SystemMessagePromptTemplate", "One."))

    source = PromptSource(pull, clock=lambda: now[0])
    for moment, expected in ((1000, "c1"), (1299, "c1"), (1300, "c2"), (1599, "c2"), (1600, "c3")):
        now[0] = moment
        assert source.current().id == f"collections-app-initial@{expected}"


def test_a_failed_pull_falls_back_and_is_not_repeated_at_once() -> None:
    now, pulls = [0.0], []
    answers: list[Any] = [None, ("c1", manifest(("SystemMessagePromptTemplate", "One."))), None]

    def pull(name: str) -> Any:
        pulls.append(name)
        return answers[len(pulls) - 1]

    source = PromptSource(pull, clock=lambda: now[0])
    assert source.current() == packaged()
    now[0] = 59.9
    assert source.current() == packaged()
    assert len(pulls) == 1
    now[0] = 60
    assert source.current().id == "collections-app-initial@c1"
    now[0] = 400
    assert source.current().id == "collections-app-initial@c1", "an earlier pull beats the packaged prompt"
    assert len(pulls) == 3


def test_a_prompt_is_found_by_its_id() -> None:
    pulled = {"mine:abcdef012345": "abcdef0123456789", "mine": "fedcba9876543210", "collections-app-brief": None}

    asked: list[str] = []

    def pull(name: str) -> Any:
        asked.append(name)
        commit = pulled.get(name)
        return commit and (commit, manifest(("SystemMessagePromptTemplate", f"Be {commit[:3]}.")))

    source = PromptSource(pull)
    brief = packaged("collections-app-brief")
    assert (source.find("collections-app-brief@1"), asked) == (brief, []), "LangSmith is not asked for it"
    assert source.find("collections-app-brief@1") == source.find("collections-app-brief") == brief
    by_commit = source.find("mine:abcdef012345")
    assert (by_commit.id, by_commit.text) == ("mine@abcdef012345", "Be abc.")
    assert source.find(by_commit.id) == by_commit, "what is recorded is found again"
    assert source.find("mine").id == "mine@fedcba987654"
    assert source.find("collections-app-initial") == source.current() == packaged()
    for wanted in ("collections-app-brief@2", "another", "another:abc", "", "../guard", "guard"):
        with pytest.raises(PromptUnknownError, match="no prompt"):
            source.find(wanted)
    assert PromptSource(pull, "collections-app-brief@1").current().id == "collections-app-brief@1"
    assert PromptSource(pull, "another@1").current() == packaged(), "what is configured wrongly stops no upload"


def test_a_packaged_prompt_never_changes() -> None:
    """Its id is recorded with what was made under it: a change is a new version, a file of its own."""
    released = {"collections-app-initial@1": "68ec38cc34131d94", "collections-app-brief@1": "b1963bd366236a6b"}
    folder = resources.files("analysis.prompts")
    found = {name: sha256(folder.joinpath(f"{name}.txt").read_bytes()).hexdigest()[:16] for name in packaged_ids()}
    assert found == released
    assert {packaged(name).id for name in found} == set(found)
