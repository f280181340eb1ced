"""Dead letters that are looked for, without servers: what is asked of SQS, what is shown again, what is about whom."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.aws import Aws
from chassis.errors import TransientError
from chassis.queue.dead_letters import (
    DeadLetter,
    FoundLetters,
    detail_of,
    erase_letters_of,
    find_dead_letters,
    sendable,
)
from testkit.faults import AwsCalls, answers, fails

URL = "https://sqs/dead-letters"
LogLines = Callable[[], list[dict[str, Any]]]


class Letters:
    """A queue that shows these pages, one after the other, and then nothing."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = list(pages)

    def __call__(self, call: dict[str, Any]) -> Any:
        page = self.pages.pop(0) if self.pages else []
        return answers(Messages=[{"MessageId": body, "Body": body, "ReceiptHandle": f"of {body}"} for body in page])(
            call
        )


@pytest.fixture
def sqs(offline_aws: Aws) -> Iterator[AwsCalls]:
    well = answers()
    with AwsCalls(
        offline_aws.sqs, ReceiveMessage=Letters(), ChangeMessageVisibilityBatch=well, DeleteMessage=well
    ) as calls:
        yield calls


def find(aws: Aws, **how: Any) -> FoundLetters:
    return find_dead_letters(aws.sqs, URL, lambda body: body.startswith("mine"), **how)


def shown_again(sqs: AwsCalls) -> list[list[str]]:
    """Receipt handles, by call."""
    calls = sqs.of("ChangeMessageVisibilityBatch")
    entries = [call["Entries"] for call in calls]
    assert all(call["QueueUrl"] == URL for call in calls)
    assert all(each["VisibilityTimeout"] == 0 for page in entries for each in page)
    assert all(len({each["Id"] for each in page}) == len(page) for page in entries)
    return [[each["ReceiptHandle"] for each in page] for page in entries]


def test_letters_are_found_on_every_page_and_the_others_are_shown_again(offline_aws: Aws, sqs: AwsCalls) -> None:
    others = [f"other {number}" for number in range(12)]
    sqs.rules["ReceiveMessage"] = Letters(["mine 1", *others[:9]], ["mine 2", *others[9:]])
    found = find(offline_aws)
    assert (dict(found.handles), found.is_all) == ({"mine 1": "of mine 1", "mine 2": "of mine 2"}, True)
    assert len(found) == 2
    asked = {"QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 60}
    assert sqs.of("ReceiveMessage") == [asked] * 3
    assert shown_again(sqs) == [[f"of {body}" for body in others[:10]], [f"of {body}" for body in others[10:]]]
    assert sqs.of("DeleteMessage") == []
    found.delete()
    assert sqs.of("DeleteMessage") == [{"QueueUrl": URL, "ReceiptHandle": f"of mine {n}"} for n in (1, 2)]


def test_letters_that_come_again_are_the_last(offline_aws: Aws, sqs: AwsCalls) -> None:
    sqs.rules["ReceiveMessage"] = Letters(["mine 1", "other"], ["mine 1"], ["mine 2"])
    assert list(find(offline_aws, wait_s=0).handles) == ["mine 1"]
    assert [call["WaitTimeSeconds"] for call in sqs.of("ReceiveMessage")] == [0, 0]


@pytest.mark.parametrize(("goes_on", "hidden_s", "shown"), [(False, 60, [["of other"]]), (True, 120, [])])
def test_a_search_ends_when_its_time_is_over(
    offline_aws: Aws, sqs: AwsCalls, goes_on: bool, hidden_s: int, shown: list[list[str]]
) -> None:
    sqs.rules["ReceiveMessage"] = Letters(["mine 1", "other"], ["mine 2"])
    found = find(offline_aws, limit_s=-1, goes_on=goes_on)
    assert (list(found.handles), found.is_all) == (["mine 1"], False)
    assert [call["VisibilityTimeout"] for call in sqs.of("ReceiveMessage")] == [hidden_s]
    assert shown_again(sqs) == shown


def test_a_search_that_goes_on_shows_the_others_again_at_its_end(offline_aws: Aws, sqs: AwsCalls) -> None:
    sqs.rules["ReceiveMessage"] = Letters(["mine", "other"])
    assert find(offline_aws, goes_on=True).is_all
    assert shown_again(sqs) == [["of other"]]


def test_what_was_found_when_sqs_fails_is_shown_again(offline_aws: Aws, sqs: AwsCalls) -> None:
    pages, failing = Letters(["other", "mine"]), fails()
    sqs.rules["ReceiveMessage"] = lambda call: pages(call) if pages.pages else failing(call)
    with pytest.raises(TransientError, match=r"^SQS: ClientError$"):
        find(offline_aws)
    assert shown_again(sqs) == [["of mine", "of other"]]


def test_letters_that_could_not_be_deleted_are_shown_again(
    offline_aws: Aws, sqs: AwsCalls, log_lines: LogLines
) -> None:
    failing = fails()
    letters = FoundLetters(offline_aws.sqs, URL, {str(number): f"of {number}" for number in range(3)})
    assert letters.is_all
    sqs.rules["DeleteMessage"] = lambda call: failing(call) if call["ReceiptHandle"] == "of 1" else answers()(call)
    with pytest.raises(TransientError, match=r"^SQS: ClientError$"):
        letters.delete()
    assert shown_again(sqs) == [["of 1", "of 2"]]
    sqs.rules["ChangeMessageVisibilityBatch"] = failing
    many = FoundLetters(offline_aws.sqs, URL, {str(number): "of 1" for number in range(11)})
    with pytest.raises(TransientError):
        many.delete()
    assert len(shown_again(sqs)) == 2, "one call that fails is enough"


def about(tenant: str, subject: str) -> str:
    return json.dumps({"detail": {"tenantid": tenant, "subject": subject}})


@pytest.mark.parametrize(
    ("body", "is_erased"),
    [
        (about("ann", "item"), True),
        (about("ann", "other") + " ", False),
        (about("bob", "item"), False),
        ("ann item", True),
        ("ann", False),
        ("item", False),
        ('["ann", "item"]', True),
        ('{"detail": {"tenantid": "ann"}, "more": "item"}', True),
        ("[" * 100_000 + "ann item", True),
    ],
    ids=["it", "another item", "another's", "unread", "a tenant", "an item", "a list", "without subject", "deep"],
)
def test_letters_about_a_subject_are_erased(offline_aws: Aws, sqs: AwsCalls, body: str, is_erased: bool) -> None:
    sqs.rules["GetQueueAttributes"] = answers(
        Attributes={"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "1"}
    )
    sqs.rules["ReceiveMessage"] = Letters([body])
    erase_letters_of(offline_aws.sqs, URL, {("ann", "item")})
    assert len(sqs.of("DeleteMessage")) == is_erased
    assert len(shown_again(sqs)) == (not is_erased)


def test_an_empty_queue_is_not_looked_at(offline_aws: Aws, sqs: AwsCalls, log_lines: LogLines) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs.rules["GetQueueAttributes"] = answers(Attributes=dict.fromkeys(names, "0"))
    erase_letters_of(offline_aws.sqs, URL, {("ann", "item")})
    assert sqs.of("GetQueueAttributes") == [{"QueueUrl": URL, "AttributeNames": names}]
    assert sqs.of("ReceiveMessage") == []
    sqs.rules["GetQueueAttributes"] = fails()
    erase_letters_of(offline_aws.sqs, URL, {("ann", "item")})
    assert [line["message"] for line in log_lines()] == ["dead letters of what is deleted are left"]


def test_a_letter_has_only_what_is_known_and_can_be_sent() -> None:
    letter = DeadLetter("body", "reason", detail="a\x00b\ud800c", receives=3)
    assert letter.attributes() == {
        "reason": {"DataType": "String", "StringValue": "reason"},
        "detail": {"DataType": "String", "StringValue": "a b c"},
        "receives": {"DataType": "String", "StringValue": "3"},
    }
    assert sendable("\t\n\r \ud7ff\ue000\ufffd\U00010000\ufffe\x1f") == "\t\n\r \ud7ff\ue000\ufffd\U00010000  "
    assert (detail_of("reason", ""), detail_of("reason", "a " * 600)) == ("reason", "a " * 500)
