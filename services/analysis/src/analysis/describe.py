"""A picture becomes a description: one provider, then the other, and one second attempt after bad output."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from analysis.errors import AnalysisError, InvalidOutputError, ProviderNotConfiguredError, ProviderUnavailableError
from analysis.models import facts
from analysis.output import PictureDescription
from analysis.prompts import Prompt, PromptSource
from analysis.providers import Choice, Providers
from analysis.tracing import LangSmith
from analysis.vision import MAX_PICTURE_TOKENS, MAX_TOKENS, REQUEST, Described, Picture
from chassis.observability import MetricUnit, logger, metrics
from contracts.analysis import Description

#: A call that could get less time than this is not begun.
_LEAST_S = 2.0
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Result:
    """A description, and how it was produced: provider, model, tokens, cost."""

    description: Description
    provider: str
    model: str
    prompt_id: str
    trace_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True)
class Describer:
    """Asks models. One call may take `timeout_s` seconds, never more than the deadline leaves."""

    providers: Providers
    prompts: PromptSource
    langsmith: LangSmith
    timeout_s: float

    def describe(
        self,
        load: Callable[[], Picture],
        choice: Choice,
        prompt: Prompt,
        *,
        deadline: float,
        fallback: bool,
    ) -> Result:
        """Describe the picture by the choice; with `fallback` by the other provider when that one is unavailable.

        `deadline` is a time of `time.monotonic`. A provider without a key is passed over in any case.

        Raises:
            NotDescribedError: see its subclasses.
            ProviderUnavailableError: the first choice's, when both are unavailable; the other's, which alone says when
                to ask again, where the first choice has no key.
        """
        picture = load()
        try:
            return self._ask(picture, choice, prompt, deadline)
        except ProviderUnavailableError as error:
            other = self.providers.fallback(choice)
            wanted = fallback or isinstance(error, ProviderNotConfiguredError)
            if other is None or not wanted or deadline - time.monotonic() < _LEAST_S:
                raise
            logger.warning("falling back", extra={"from": choice.provider, "to": other.provider, "error": str(error)})
            metrics.add_metric("ProviderFallbacks", MetricUnit.Count, 1)
            try:
                return self._ask(picture, other, prompt, deadline)
            except ProviderUnavailableError as others:
                raise (others if isinstance(error, ProviderNotConfiguredError) else error) from None

    def _ask(self, picture: Picture, choice: Choice, prompt: Prompt, deadline: float) -> Result:
        client = self.providers.client(choice.provider)
        if deadline - time.monotonic() < _LEAST_S:
            raise ProviderUnavailableError(f"there is no time left to ask {choice.provider}", unpaid=True)
        spent_in = spent_out = 0
        with self.langsmith.run(provider=choice.provider, model=choice.model, prompt_id=prompt.id) as run:
            try:
                described = client.describe(picture, prompt.instructions, choice.model, self._time_left(deadline))
            except InvalidOutputError as error:
                spent_in, spent_out = run.input_tokens, run.output_tokens = error.input_tokens, error.output_tokens
                if deadline - time.monotonic() < _LEAST_S:
                    raise
                logger.warning("second try", extra={"provider": choice.provider, "error": str(error)})
                try:
                    described = client.describe(picture, prompt.instructions, choice.model, self._time_left(deadline))
                except AnalysisError as second:
                    second.unpaid = False
                    raise
            run.input_tokens = spent_in + described.input_tokens
            run.output_tokens = spent_out + described.output_tokens
        return _result(described, choice, prompt, run.trace_id, run.input_tokens, run.output_tokens)

    def _time_left(self, deadline: float) -> float:
        return max(min(self.timeout_s, deadline - time.monotonic()), 0.1)


def most_usd(choice: Choice, prompt: Prompt) -> float | None:
    """What describing one picture can cost at the most, with the second attempt; None for a model without a price."""
    known = facts(choice.model)
    if known is None:
        return None
    # A token has at least one byte.
    asked = len(f"{prompt.instructions}{REQUEST}{PictureDescription.model_json_schema()}".encode())
    return _ATTEMPTS * known.cost_usd(asked + MAX_PICTURE_TOKENS, MAX_TOKENS)


def _result(
    described: Described, choice: Choice, prompt: Prompt, trace_id: str | None, input_tokens: int, output_tokens: int
) -> Result:
    known = facts(choice.model)
    if known is None:
        logger.warning("model without a price", extra={"model": choice.model})
    metrics.add_metric("InputTokens", MetricUnit.Count, input_tokens)
    metrics.add_metric("OutputTokens", MetricUnit.Count, output_tokens)
    return Result(
        description=described.answer.description(),
        provider=choice.provider,
        model=choice.model,
        prompt_id=prompt.id,
        trace_id=trace_id,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=known.cost_usd(input_tokens, output_tokens) if known else 0.0,
    )
