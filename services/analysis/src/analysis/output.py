"""The shape a vision model must answer in.

Every field is required and no other is allowed: that is what the providers' strict JSON schemas enforce. Limits of
length are no part of the schema, because not every provider accepts them; what is a little too long is cut instead of
paid for a second time.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.analysis import Description

HEADLINE_LENGTH = 140
_LIST_LENGTH = 64
# Postgres holds neither in text nor in jsonb: NUL and halves of surrogate pairs.
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)])


def _clean(text: str) -> str:
    return text.translate(_UNSTORABLE).strip()


def _non_empty(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _cut(text: str) -> str:
    """At most `HEADLINE_LENGTH` characters, cut between words where there are any."""
    if len(text) <= HEADLINE_LENGTH:
        return text
    kept = text[: HEADLINE_LENGTH - 1]
    return (kept.rsplit(" ", 1)[0] if " " in kept else kept).rstrip(" ,;:.-") + "…"


def _listed(entries: list[str]) -> list[str]:
    return [entry for entry in dict.fromkeys(entries) if entry][:_LIST_LENGTH]


def _two_or_three(entries: list[str]) -> list[str]:
    if len(entries) < 2:
        raise ValueError("two or three are asked for")
    return entries[:3]


def _absent(text: str | None) -> str | None:
    return text or None


Text = Annotated[str, AfterValidator(_clean)]
NonEmpty = Annotated[Text, AfterValidator(_non_empty)]
OptionalText = Annotated[Text | None, AfterValidator(_absent)]
Words = Annotated[list[Text], AfterValidator(_listed)]


class Answer(BaseModel):
    """Base of the answer's parts."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class MediaMetadataAnswer(Answer):
    """Who posted the picture and what it is tagged with, as far as the picture shows it."""

    original_poster: OptionalText = Field(description="Account or person who posted it, if visible.")
    tagged_accounts: Words = Field(description="Accounts mentioned or tagged, as written.")
    location_tags: Words = Field(description="Places named or unmistakably shown: venue, city, country.")
    audio_source: OptionalText = Field(description="Song or sound named in the picture, if any.")
    hashtags: Words = Field(description="Hashtags as written, with #.")


class ImageDetailsAnswer(Answer):
    """What is seen and read in the picture."""

    extracted_text: Words = Field(description="Text in the picture, verbatim, one entry a block, in reading order.")
    objects: Words = Field(description="Things that can be pointed at.")
    themes: Words = Field(description="What it is about.")
    emotions: Words = Field(description="Emotions shown or evoked.")
    vibes: Words = Field(description="Mood and style.")
    visual_hierarchy: Words = Field(description="What the eye meets first, second, third.")
    key_interest: OptionalText = Field(description="The one thing somebody would keep this picture for.")
    likely_source: OptionalText = Field(description="Where it probably comes from: camera, app, web site, scan.")


class PictureDescription(Answer):
    """The description of one picture."""

    category: NonEmpty = Field(description="One broad category, one or two words in Title Case.")
    subcategories: Annotated[Words, AfterValidator(_two_or_three)] = Field(description="Two or three narrower ones.")
    headline: Annotated[NonEmpty, AfterValidator(_cut)] = Field(description="At most 140 characters.")
    summary: NonEmpty = Field(description="Two or three sentences.")
    media_metadata: MediaMetadataAnswer
    image_details: ImageDetailsAnswer

    def description(self) -> Description:
        """The same under the contract of the event."""
        return Description.model_validate(self.model_dump())
