"""What the user wants in the current turn: small talk, the collection or the web, and about what.

A follow-up ("and which of those are in Tokyo?") takes its topic from the questions before it; a place named now
replaces a place named earlier, other words add up.
"""

import re
from dataclasses import dataclass

from provider_emulator.places import places_named
from provider_emulator.prompt import Ask
from provider_emulator.relevance import without_places
from provider_emulator.words import CONTAINER_WORDS, content_words, stem

_SMALL_TALK = (
    (r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))\b", "Hello! Ask me about the pictures in your collection."),
    (r"\b(?:thanks|thank you|thx|cheers)\b", "You are welcome."),
    (r"^(?:bye|goodbye|see you|good night)\b", "Goodbye!"),
    (r"\bhow are you\b", "I am well, thank you. What would you like to find?"),
    (
        r"\b(?:who are you|what can you do|what are you|how do you work)\b|^help\b",
        "I find pictures in your collection by what is in them, and look things up on the web.",
    ),
    (r"^(?:ok|okay|great|cool|nice|perfect|got it|yes|no)\b", "All right. What else would you like to find?"),
)
_SHORT = 7  # words; a longer text that starts with "hello" has a question in it
_WEB = re.compile(
    r"\b(?:web|internet|online|google|latest|news|weather|forecast|currently|right now|opening hours|exchange rate"
    r"|look up)\b",
    re.I,
)
_MINE = re.compile(
    r"\b(?:my|mine|collection|i (?:have|saved|took|kept|uploaded)|have i|did i|do i|screenshots?|photos?|pictures?"
    r"|images?|receipts?)\b",
    re.I,
)
_BACK = re.compile(
    r"\b(?:those|these|them|they|that one|the (?:first|second|last|other)(?: one)?|of which|any of)\b"
    r"|^(?:and|or|but|what about|how about|which of|only|also|just)\b",
    re.I,
)
_INSTEAD = re.compile(r"^(?:and |but )?(?:what|how) about\b", re.I)  # a new topic, the place stays
_THOSE = re.compile(r"\b(?:those|these|them|they|of which|any of)\b", re.I)
# Words of a request to search the web that are not part of its topic.
_ASKING_THE_WEB = frozenset({"web", "internet", "online", "google", "search", "look", "latest", "currently", "now"})


@dataclass(frozen=True, slots=True)
class Intent:
    """The turn's question with its topic words and places, and where to look for an answer."""

    question: str
    topic: tuple[str, ...]
    places: tuple[str, ...]
    collection: bool
    web: bool
    among_earlier: bool
    small_talk: str | None = None

    @property
    def query(self) -> str:
        """The search query: the earlier topic, what was added, the places; at least three characters."""
        text = " ".join([*self.topic, *self.places])
        return text if len(text) >= 3 else self.question

    @property
    def subject(self) -> str:
        """The topic in words, for a sentence: `ramen in Tokyo`."""
        topic = " ".join(self.topic) or "that"
        return f"{topic} in {' and '.join(self.places)}" if self.places else topic


def current_turn(ask: Ask) -> int:
    """The index of the message that opened the turn: the last of the user's that has words. -1 if there is none.

    A message may hold results of an earlier, interrupted turn before the words.
    """
    spoken = [index for index, turn in enumerate(ask.turns) if turn.role == "user" and turn.text.strip()]
    return spoken[-1] if spoken else -1


def intent_of(ask: Ask) -> Intent:
    """Understands the current turn in the light of the user's earlier ones."""
    start = current_turn(ask)
    questions = [turn.text.strip() for turn in ask.turns[: start + 1] if turn.role == "user" and turn.text.strip()]
    question = questions[-1] if questions else ""
    topic, places = _about(questions)
    web, mine = bool(_WEB.search(question)), bool(_MINE.search(question))
    return Intent(
        question=question,
        topic=topic,
        places=places,
        collection=mine or not web,
        web=web,
        among_earlier=len(questions) > 1 and bool(_THOSE.search(question)),
        small_talk=_small_talk(question),
    )


def _small_talk(question: str) -> str | None:
    if len(question.split()) > _SHORT:
        return None
    for pattern, reply in _SMALL_TALK:
        if re.search(pattern, question, re.I):
            rest = re.sub(pattern, " ", question, flags=re.I)
            if "?" not in question or not without_places(content_words(rest)):
                return reply
    return None


def _about(questions: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Topic words and places of the last question, with what it inherits."""
    topic: list[str] = []
    places: list[str] = []
    replaced = False
    for question in reversed(questions):
        if topic and _small_talk(question):
            continue
        places = places or places_named(question)
        topic = topic if replaced else [*_topic(question), *topic]
        replaced = replaced or bool(topic and _INSTEAD.search(question))
        if not (_BACK.search(question) or not topic):
            break
    merged = {stem(word): word for word in reversed(topic)}
    return tuple(reversed(merged.values())), tuple(places)


def _topic(question: str) -> list[str]:
    terms = without_places(content_words(question))
    if _WEB.search(question):
        terms = [term for term in terms if term.lower() not in _ASKING_THE_WEB]
    return [term for term in terms if stem(term) not in CONTAINER_WORDS]
