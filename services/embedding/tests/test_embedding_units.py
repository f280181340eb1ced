"""What needs no server: the text, the SDK's errors, the checks on vectors, the isolation of bad texts."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import voyageai.error
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chassis import voyage
from chassis.observability import MetricUnit, metrics
from contracts.analysis import Description, ImageDetails, MediaMetadata
from embedding.bootstrap import bootstrap
from embedding.embedder import Answer, Embedder, Vector
from embedding.errors import EmbeddingError, InvalidVectorError, ProviderUnavailableError, TextRejectedError
from embedding.prices import cost_usd
from embedding.settings import EmbeddingSettings
from embedding.text import MAX_LENGTH, MAX_PASSAGES, READ_WHOLE, compose, digest, passages, read_text
from embedding.voyage import translated
from testkit import Fakes
from testkit.fakes import SETTINGS
from workspace import REPOSITORY

DESCRIPTION = Description(
    category="Travel",
    subcategories=("City", "Night"),
    headline="Shinjuku at night",
    summary="Neon signs\nabove a crowd.",
    media_metadata=MediaMetadata(location_tags=("Tokyo",), hashtags=("#neon",), original_poster="@mika"),
    image_details=ImageDetails(
        extracted_text=("OPEN", "24\x00h"), objects=("sign", "umbrella"), themes=("city life",), vibes=("busy",)
    ),
)


def test_the_text_is_labelled_lines_the_most_specific_first() -> None:
    assert compose(DESCRIPTION).split("\n") == [
        "Shinjuku at night",
        "Neon signs above a crowd.",
        "Category: Travel, City, Night",
        "Themes: city life",
        "Objects: sign, umbrella",
        "Places: Tokyo",
        "People and accounts: @mika",
        "Hashtags: #neon",
        "Mood: busy",
        "Text in the picture: OPEN 24h",
    ]


def page(*entries: str) -> Description:
    return Description(category="Page", image_details=ImageDetails(extracted_text=entries))


def test_a_short_item_has_no_passages_and_a_long_one_those_of_its_text() -> None:
    assert read_text(DESCRIPTION) == read_text(page("a" * 900)) == ""
    assert read_text(page("One\x00two. " * 120, "Last.")) == "One two. " * 120 + " Last."
    long_summary = DESCRIPTION.model_copy(update={"summary": "A word. " * 200, "image_details": ImageDetails()})
    assert read_text(long_summary) == "", "without text in the picture there are no places in it"


def test_passages_are_whole_sentences_with_their_places() -> None:
    read = " ".join(f"Sentence {n} costs 3.50 euros and says something of its own." for n in range(30))
    parts = passages(read, 1024)
    assert "".join(read[part.start : part.end] for part in parts) == read
    assert all(part.text == read[part.start : part.end].strip() and part.text.endswith("own.") for part in parts)
    assert all(300 < part.end - part.start <= 400 for part in parts[:-1])


@given(st.text(max_size=3000), st.sampled_from([256, 1024, 2048]))
def test_passages_follow_one_another_and_are_read_whole(read: str, dimensions: int) -> None:
    parts = passages(read, dimensions)
    assert len(parts) <= MAX_PASSAGES
    ends = [0, *(part.end for part in parts)]
    assert all(before <= part.start < part.end for before, part in zip(ends, parts, strict=False))
    assert all(0 < len(part.text) <= part.end - part.start <= READ_WHOLE for part in parts)
    skipped = [read[end : part.start] for end, part in zip(ends, parts, strict=False)]
    assert not "".join(skipped).strip(), "only spaces are in none"


def test_the_longer_a_text_the_longer_its_passages_up_to_what_is_read_whole() -> None:
    words = "word " * 10_000
    assert passages(words[:12_000], 1024)[-1].end == 12_000
    assert len(passages(words[:12_000], 1024)) <= MAX_PASSAGES
    cut = passages(words, 1024)
    assert (len(cut), cut[-1].end) == (MAX_PASSAGES, MAX_PASSAGES * READ_WHOLE), "what follows has no vector"
    assert len(passages(words, 2048)) == MAX_PASSAGES // 2, "an event has 256 KiB"


def test_the_model_is_asked_as_the_settings_say(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("embedding.voyage.VoyageModel", lambda **how: asked.append(how))
    changes = {
        "provider_timeout_s": 7,
        "provider_attempts": 2,
        "embedding_dimensions": 512,
        "voyage_base_url": "http://v",
    }
    service = bootstrap(EmbeddingSettings(**(SETTINGS | changes)), fakes.aws)
    fakes.put_secret("voyage-api-key", "the key")
    for model in ("voyage-4", "voyage-4", "voyage-3.5-lite"):
        service.embedder.connect(model)
    how = {"api_key": "the key", "base_url": "http://v", "dimensions": 512, "timeout_s": 7, "attempts": 2}
    assert asked == [how | {"model": "voyage-4"}, how | {"model": "voyage-3.5-lite"}]
    service.asking_once.connect("voyage-4")
    assert asked[2:] == [how | {"model": "voyage-4", "attempts": 1}]
    assert (service.embedder.batch_size, service.embedder.dimensions) == (64, 512)


def test_every_field_has_its_line() -> None:
    media = MediaMetadata(
        original_poster="@mika",
        tagged_accounts=("@ann", "", "@bob"),
        location_tags=("Tokyo", "Japan"),
        audio_source="a song",
        hashtags=("#a", "#b"),
    )
    details = ImageDetails(
        extracted_text=("OPEN", " ", "24 h"),
        objects=("sign",),
        themes=("city",),
        emotions=("calm",),
        vibes=("busy",),
        key_interest="the address",
        likely_source="camera",
    )
    description = DESCRIPTION.model_copy(update={"media_metadata": media, "image_details": details})
    assert compose(description).split("\n")[2:] == [
        "Category: Travel, City, Night",
        "Of interest: the address",
        "Themes: city",
        "Objects: sign",
        "Places: Tokyo, Japan",
        "People and accounts: @mika, @ann, @bob",
        "Hashtags: #a, #b",
        "Audio: a song",
        "Mood: calm, busy",
        "Source: camera",
        "Text in the picture: OPEN 24 h",
    ]


def test_text_in_the_picture_is_cut_first_and_the_whole_last() -> None:
    page = DESCRIPTION.image_details.model_copy(update={"extracted_text": ("x" * 4000,)})
    last = compose(DESCRIPTION.model_copy(update={"image_details": page})).split("\n")[-1]
    assert last == "Text in the picture: " + "x" * 3000
    whole = compose(DESCRIPTION.model_copy(update={"summary": "y" * 7000, "headline": "z"}))
    assert whole == "z\n" + "y" * (MAX_LENGTH - 2)
    # No white space is left where it was cut.
    assert compose(DESCRIPTION.model_copy(update={"summary": "y" * (MAX_LENGTH - 3), "headline": "z"})) == "z\n" + (
        "y" * (MAX_LENGTH - 3)
    )


def test_a_description_without_words_is_of_a_picture() -> None:
    assert compose(Description(category="\x00", headline="", summary=" ")) == "picture"


def test_the_digest_is_sha_256() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_long_page_does_not_push_the_rest_out() -> None:
    page = DESCRIPTION.image_details.model_copy(update={"extracted_text": ("word " * 5000,)})
    text = compose(DESCRIPTION.model_copy(update={"image_details": page, "summary": "s" * 5000}))
    assert len(text) <= MAX_LENGTH
    assert "Places: Tokyo" in text


@given(st.builds(Description, category=st.text(min_size=1), headline=st.text(), summary=st.text(max_size=9000)))
def test_any_description_has_a_text_that_can_be_stored_and_sent(description: Description) -> None:
    text = compose(description)
    assert 0 < len(text) <= MAX_LENGTH
    assert "\x00" not in text
    assert len(digest(text)) == 64


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("InvalidRequestError", 400, TextRejectedError),
        ("MalformedRequestError", 422, TextRejectedError),
        ("APIError", 404, TextRejectedError),
        ("AuthenticationError", 401, ProviderUnavailableError),
        ("APIError", 403, ProviderUnavailableError),
        ("RateLimitError", 429, ProviderUnavailableError),
        ("ServerError", 500, ProviderUnavailableError),
        ("ServiceUnavailableError", 503, ProviderUnavailableError),
        ("APIConnectionError", None, ProviderUnavailableError),
        ("Timeout", None, ProviderUnavailableError),
        ("TryAgain", None, ProviderUnavailableError),
    ],
)
def test_the_sdks_errors_become_ours(name: str, status: int | None, expected: type[EmbeddingError]) -> None:
    make: Any = getattr(voyageai.error, name)
    fault = voyage.translated(make("no", http_status=status))
    error = translated(fault)
    assert (type(error), str(error)) == (expected, str(fault))
    if isinstance(error, ProviderUnavailableError):
        assert error.unpaid is (status in (401, 403, 429)), "what is lost on its way may have been paid"


def test_the_delay_that_the_provider_asks_for_is_kept() -> None:
    make: Any = voyageai.error.RateLimitError
    error = translated(voyage.translated(make("no", http_status=429, headers={"retry-after": "9"})))
    assert isinstance(error, ProviderUnavailableError)
    assert error.retry_after_s == 9


class Model:
    """Answers as configured; remembers its requests."""

    def __init__(self, vectors: dict[str, tuple[float, ...]]) -> None:
        self.vectors = vectors
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Answer:
        self.asked.append(list(texts))
        if "reject" in texts:
            raise TextRejectedError("no")
        return Answer([self.vectors.get(text, (3.0, 4.0)) for text in texts], tokens=100)


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0, 3.0), (0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_an_unusable_vector_is_an_outcome_of_its_text_alone(values: tuple[float, ...]) -> None:
    model = Model({"bad": values})
    outcomes = Embedder(lambda _: model, 2, 10).embed(["good", "bad"], "m")
    assert isinstance(outcomes["bad"], InvalidVectorError)
    good = outcomes["good"]
    assert isinstance(good, Vector)
    assert good.values == (3.0, 4.0)


def test_batches_equal_texts_and_isolation() -> None:
    model = Model({})
    outcomes = Embedder(lambda _: model, 2, 2).embed(["a", "b", "a", "reject", "c"], "m")
    assert model.asked == [["a", "b"], ["reject", "c"], ["reject"], ["c"]]
    assert isinstance(outcomes["reject"], TextRejectedError)
    assert {text for text, outcome in outcomes.items() if isinstance(outcome, Vector)} == {"a", "b", "c"}


def test_tokens_and_refused_batches_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[tuple[object, ...]] = []
    monkeypatch.setattr(metrics, "add_metric", lambda *counted: counts.append(counted))
    Embedder(lambda _: Model({}), 2, 2).embed(["a", "b", "reject", "c"], "m")
    tokens = ("EmbeddingTokens", MetricUnit.Count, 100)
    assert counts == [tokens, ("BatchesIsolated", MetricUnit.Count, 1), tokens]


def test_an_answer_of_another_number_of_vectors_is_of_no_use() -> None:
    class Short(Model):
        def embed(self, texts: Sequence[str]) -> Answer:
            return Answer(super().embed(texts).vectors[:1], 100)

    outcomes = Embedder(lambda _: Short({}), 2, 10).embed(["a", "b"], "m")
    assert all(isinstance(outcome, Vector) for outcome in outcomes.values()), "each was asked for alone"
    with pytest.raises(InvalidVectorError, match="1 vectors for 2 texts"):
        Embedder(lambda _: Short({}), 2, 10).ask(["a", "b"], "m")


def test_an_empty_text_has_no_share() -> None:
    assert Embedder(lambda _: Model({}), 2, 10).ask([""], "m") == {"": Vector((3.0, 4.0), 0)}


def test_the_model_is_connected_by_its_name() -> None:
    names: list[str] = []

    def connect(name: str) -> Model:
        names.append(name)
        return Model({})

    Embedder(connect, 2, 1).embed(["a", "reject"], "voyage-4")
    assert names == ["voyage-4", "voyage-4"]


def test_tokens_are_shared_by_length() -> None:
    outcomes = Embedder(lambda _: Model({}), 2, 10).embed(["x" * 30, "y" * 10], "m")
    assert [outcome.tokens for outcome in outcomes.values() if isinstance(outcome, Vector)] == [75, 25]


def test_budgets_and_the_estimate_of_costs_have_the_same_prices() -> None:
    """What `mesh cost` reckons with is not told twice in two ways."""
    document = yaml.safe_load((REPOSITORY / "tools/mesh/src/mesh/cost/prices.yaml").read_text(encoding="utf-8"))
    listed = {
        name: each["input"] for name, each in document["models"]["prices"].items() if each["provider"] == "Voyage"
    }
    assert listed
    assert {name: cost_usd(name, 1_000_000) for name in listed} == listed
