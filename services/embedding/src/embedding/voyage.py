"""Voyage as the model that makes vectors. Importing this costs about two seconds of CPU (the SDKs)."""

from collections.abc import Sequence

from chassis.voyage import Voyage, VoyageError, VoyageFault
from embedding.embedder import Answer
from embedding.errors import EmbeddingError, InvalidVectorError, ProviderUnavailableError, TextRejectedError


class VoyageModel(Voyage):
    """One of Voyage's models as an `EmbeddingModel`."""

    def embed(self, texts: Sequence[str]) -> Answer:
        """See `EmbeddingModel`."""
        try:
            embedded = self.embed_documents(texts)
        except VoyageError as error:
            raise translated(error) from error
        return Answer(embedded.vectors, embedded.tokens)


def translated(error: VoyageError) -> EmbeddingError:
    """The client's error as one of ours; the queue waits until a key is put right."""
    match error.fault:
        case VoyageFault.REQUEST_REFUSED:
            return TextRejectedError(str(error))
        case VoyageFault.MALFORMED:
            return InvalidVectorError(str(error))
        case VoyageFault.LIMITED | VoyageFault.UNAVAILABLE | VoyageFault.REFUSED:
            unpaid = error.fault is not VoyageFault.UNAVAILABLE  # it may have worked, and the answer was lost
            return ProviderUnavailableError(str(error), retry_after_s=error.retry_after_s, unpaid=unpaid)
