"""AWS clients, the bus and the images bucket without servers: what is sent, what is raised, how long it may take."""

import json
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.response import StreamingBody

from chassis.accounts import delete_account
from chassis.aws import Aws, Credentials
from chassis.bus import MAX_BYTES, MAX_ENTRIES, Bus, Refusal, Wire
from chassis.errors import EventTooLargeError, ObjectMissingError, TransientError
from chassis.objects import (
    LINK_LIFETIME_S,
    ImageStore,
    original_key,
    rendition_key,
    thumbnail_key,
    upload_key,
)
from testkit.faults import AwsCalls, accepts_events, answers, fails, raises

AWAY = ConnectTimeoutError(endpoint_url="https://nowhere")


@pytest.mark.parametrize(
    ("name", "attempts", "connect_timeout_s", "read_timeout_s"),
    [
        ("events", 3, 2, 5),
        ("sqs", 3, 2, 5),
        ("s3", 3, 2, 20),
        ("s3_probe", 2, 1, 2),
        ("dynamodb", 3, 1, 3),
        ("ssm", 3, 2, 3),
    ],
)
def test_no_call_may_outlast_its_caller(
    name: str, attempts: int, connect_timeout_s: int, read_timeout_s: int, offline_aws: Aws
) -> None:
    client = getattr(offline_aws, name)
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": attempts}
    assert (config.connect_timeout, config.read_timeout) == (connect_timeout_s, read_timeout_s)
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://offline.invalid", "us-east-1")
    assert client.meta.service_model.service_name == name.removesuffix("_probe")
    if name.startswith("s3"):
        assert (config.signature_version, config.s3["addressing_style"]) == ("s3v4", "path")
    assert getattr(offline_aws, name) is client, "created once"


@pytest.mark.parametrize("token", [None, "session"])
def test_clients_sign_as_the_given_identity(token: str | None) -> None:
    aws = Aws("http://offline.invalid", "eu-west-1", Credentials("id", "key", token))
    keys = aws.session.get_credentials()
    assert keys is not None
    assert (keys.access_key, keys.secret_key, keys.token) == ("id", "key", token)
    assert aws.session.region_name == "eu-west-1"


def test_without_an_identity_boto3_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from the environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    keys = Aws().session.get_credentials()
    assert keys is not None
    assert keys.access_key == "from the environment"


def test_keys_are_not_printed() -> None:
    assert repr(Credentials("id", "key", "session")) == "Credentials(access_key_id='id')"


def test_a_token_for_the_database_names_host_port_and_role(offline_aws: Aws) -> None:
    token = offline_aws.database_token(host="db.example.org", port=5433, role="imaging")
    address = urlsplit(f"https://{token}")
    asked = parse_qs(address.query)
    assert (address.hostname, address.port) == ("db.example.org", 5433)
    assert (asked["Action"], asked["DBUser"], asked["X-Amz-Expires"]) == (["connect"], ["imaging"], ["900"])


def document(**more: Any) -> dict[str, Any]:
    return {"source": "collections.ingest", "type": "collections.ingest.item-deleted.v1", **more}


def of_size(size: int) -> dict[str, Any]:
    return document(x="x" * (size - Wire.of(document(x="")).size))


def test_an_entry_says_on_the_envelope_what_the_event_says(offline_aws: Aws) -> None:
    event = document(subject="Käse", nested={"a": [1]})
    with AwsCalls(offline_aws.events, PutEvents=accepts_events()) as calls:
        assert list(Bus("the-bus", offline_aws).put([event])) == [None]
    ((entry,),) = [call["Entries"] for call in calls.of("PutEvents")]
    detail = entry.pop("Detail")
    assert json.loads(detail) == event
    assert '"subject":"Käse"' in detail, "no byte more than is counted"
    assert entry == {
        "EventBusName": "the-bus",
        "Source": "collections.ingest",
        "DetailType": "collections.ingest.item-deleted.v1",
    }


def test_nothing_to_publish_calls_nobody(offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.events) as calls:
        assert list(Bus("the-bus", offline_aws).put([])) == []
    assert calls.made == []


def test_the_size_of_an_entry_is_that_of_the_bus() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-event-size"""
    assert Wire.of({"source": "ü", "type": "tt"}).size == 14 + 2 + 2 + len('{"source":"ü","type":"tt"}'.encode())


def test_the_largest_event_is_taken_and_one_byte_more_is_not() -> None:
    assert MAX_BYTES == 262_144
    Wire.of(of_size(MAX_BYTES)).check_size()
    with pytest.raises(EventTooLargeError) as refused:
        Wire.of(of_size(MAX_BYTES + 1)).check_size()
    assert str(refused.value) == "collections.ingest.item-deleted.v1: 262145 bytes exceed 262144"


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([500] * 10, [10]),
        ([500] * 11, [10, 1]),
        ([500] * 25, [10, 10, 5]),
        ([MAX_BYTES], [1]),
        ([MAX_BYTES, 500], [1, 1]),
        ([MAX_BYTES + 1, 500], [1, 1]),
        ([500, MAX_BYTES, 500], [1, 1, 1]),
        ([MAX_BYTES // 2, MAX_BYTES // 2], [2]),
        ([MAX_BYTES // 2, MAX_BYTES // 2 + 1], [1, 1]),
        ([MAX_BYTES // 2, MAX_BYTES // 2 + 1, MAX_BYTES // 2 - 1], [1, 2]),
        ([MAX_BYTES // 3] * 4, [3, 1]),
    ],
)
def test_as_few_calls_as_the_limits_allow(sizes: list[int], calls: list[int], offline_aws: Aws) -> None:
    assert MAX_ENTRIES == 10
    with AwsCalls(offline_aws.events, PutEvents=accepts_events()) as made:
        assert list(Bus("the-bus", offline_aws).put([of_size(size) for size in sizes])) == [None] * len(sizes)
    assert [len(call["Entries"]) for call in made.of("PutEvents")] == calls
    sent = [entry["Detail"] for call in made.of("PutEvents") for entry in call["Entries"]]
    assert [json.loads(detail) for detail in sent] == [of_size(size) for size in sizes], "in order, each once"


def test_each_event_has_its_own_outcome_over_several_calls(offline_aws: Aws) -> None:
    events = [document(number=number) for number in range(12)]
    refuses = accepts_events(but=lambda entry: json.loads(entry["Detail"])["number"] in {1, 11})
    with AwsCalls(offline_aws.events, PutEvents=refuses):
        refusals = list(Bus("the-bus", offline_aws).put(events))
    assert {number: refusal for number, refusal in enumerate(refusals) if refusal} == dict.fromkeys(
        (1, 11), Refusal("ThrottlingException: on purpose", for_good=False)
    )


def test_a_refusal_may_have_no_words(offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.events, PutEvents=lambda _: {"FailedEntryCount": 1, "Entries": [{}]}):
        assert list(Bus("the-bus", offline_aws).put([document()])) == [Refusal(": ", for_good=False)]


def test_one_document_that_fails_its_call_takes_no_other_with_it(offline_aws: Aws) -> None:
    """EventBridge validates a call as a whole."""
    accepts = accepts_events()

    def validates(call: dict[str, Any]) -> Any:
        bad = any(json.loads(entry["Detail"])["number"] == 3 for entry in call["Entries"])
        return fails("ValidationException")(call) if bad else accepts(call)

    with AwsCalls(offline_aws.events, PutEvents=validates):
        refusals = list(Bus("the-bus", offline_aws).put([document(number=number) for number in range(12)]))
    assert {number: refusal for number, refusal in enumerate(refusals) if refusal} == {
        3: Refusal("ValidationException: on purpose", for_good=True)
    }


@pytest.mark.parametrize("fault", [fails("ThrottlingException"), raises(AWAY)])
def test_a_bus_that_does_not_answer_is_a_transient_fault(fault: Any, offline_aws: Aws) -> None:
    with (
        AwsCalls(offline_aws.events, PutEvents=fault),
        pytest.raises(TransientError, match=r"^EventBridge: .*(ThrottlingException|nowhere)"),
    ):
        list(Bus("the-bus", offline_aws).put([document()]))


def test_keys_begin_with_the_tenant_and_say_what_they_hold() -> None:
    assert original_key("t", "i.png") == "t/images/i.png"
    assert rendition_key("t", "i.jpg") == "t/renditions/i.jpg"
    assert thumbnail_key("t", "i.jpg") == "t/thumbnails/i.jpg"
    assert upload_key("t", "i") == "t/uploads/i"


Use = Callable[[ImageStore], object]
USES: dict[str, tuple[str, Use]] = {
    "get": ("GetObject", lambda images: images.get("t/k")),
    "size": ("HeadObject", lambda images: images.size("t/k")),
    "put": ("PutObject", lambda images: images.put("t/k", b"b", "image/png")),
    "put_new": ("PutObject", lambda images: images.put_new("t/k", b"b", "image/png")),
    "delete": ("ListObjectVersions", lambda images: images.delete("t/k")),
    "first_versions": ("ListObjectVersions", lambda images: images.first_versions("t/k")),
}
FAULTS: list[tuple[Any, type[Exception], str]] = [
    (fails("NoSuchKey"), ObjectMissingError, "t/k"),
    (fails("404"), ObjectMissingError, "t/k"),
    (fails("NotFound"), ObjectMissingError, "t/k"),
    (fails("AccessDenied"), PermissionError, "S3 denies access to an object: AccessDenied"),
    (fails("403"), PermissionError, "S3 denies access to an object: 403"),
    (fails("SlowDown"), TransientError, "S3: SlowDown"),
    (fails("ConditionalRequestConflict"), TransientError, "S3: ConditionalRequestConflict"),
    (raises(AWAY), TransientError, "S3: ConnectTimeoutError"),
]


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize(("fault", "raised", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_faults_of_the_bucket(name: str, fault: Any, raised: type[Exception], message: str, offline_aws: Aws) -> None:
    operation, use = USES[name]
    with AwsCalls(offline_aws.s3, **{operation: fault}), pytest.raises(raised) as caught:
        use(ImageStore("the-bucket", offline_aws))
    assert type(caught.value) is raised
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (fails("InternalErrorException"), "Cognito: InternalErrorException"),
        (raises(AWAY), "Cognito: ConnectTimeoutError"),
    ],
)
def test_faults_of_the_user_pool(fault: Any, message: str, offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.user_pools, DeleteUser=fault), pytest.raises(TransientError) as caught:
        delete_account(offline_aws, "the-token")
    assert str(caught.value) == message


def test_a_fault_that_passes_costs_one_call(offline_aws: Aws) -> None:
    """No attempts of our own beside those of the client."""
    images = ImageStore("the-bucket", offline_aws)
    with AwsCalls(offline_aws.s3, PutObject=fails("SlowDown")) as calls, pytest.raises(TransientError):
        images.put("t/k", b"b", "image/png")
    assert len(calls.made) == 1


def test_an_object_is_stored_and_read_under_its_key(offline_aws: Aws) -> None:
    images = ImageStore("the-bucket", offline_aws)
    stream = StreamingBody(BytesIO(b"bytes"), 5)
    rules = {"PutObject": answers(), "GetObject": answers(Body=stream), "HeadObject": answers(ContentLength=5)}
    with AwsCalls(offline_aws.s3, **rules) as calls:
        images.put("t/k", b"bytes", "image/png")
        assert images.put_new("t/k", b"bytes", "image/webp") is True
        assert images.get("t/k") == b"bytes"
        assert images.size("t/k") == 5
    where = {"Bucket": "the-bucket", "Key": "t/k"}
    assert calls.made == [
        ("PutObject", {**where, "Body": b"bytes", "ContentType": "image/png"}),
        ("PutObject", {**where, "Body": b"bytes", "ContentType": "image/webp", "IfNoneMatch": "*"}),
        ("GetObject", where),
        ("HeadObject", where),
    ]


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_an_object_that_is_there_already_is_left_alone(code: str, offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.s3, PutObject=fails(code)):
        assert ImageStore("the-bucket", offline_aws).put_new("t/k", b"b", "image/png") is False
        with pytest.raises(TransientError, match=code):
            ImageStore("the-bucket", offline_aws).put("t/k", b"b", "image/png")


def one_version(call: dict[str, Any]) -> Any:
    """The object of that key, and another whose key begins alike."""
    versions = [{"Key": call["Prefix"], "VersionId": "1"}, {"Key": f"{call['Prefix']}.other", "VersionId": "1"}]
    return answers(Versions=versions)(call)


@pytest.mark.parametrize(
    ("number", "calls"), [(0, []), (1, [1]), (1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])]
)
def test_objects_are_deleted_a_thousand_at_a_time(number: int, calls: list[int], offline_aws: Aws) -> None:
    keys = [f"t/{place}" for place in range(number)]
    with AwsCalls(offline_aws.s3, DeleteObjects=answers(), ListObjectVersions=one_version) as made:
        ImageStore("the-bucket", offline_aws).delete(*keys)
    asked = made.of("DeleteObjects")
    assert [len(call["Delete"]["Objects"]) for call in asked] == calls
    assert [each["Key"] for call in asked for each in call["Delete"]["Objects"]] == keys
    assert all(call["Bucket"] == "the-bucket" and call["Delete"]["Quiet"] is True for call in asked)


def test_a_page_of_versions_has_whole_objects_in_order(offline_aws: Aws) -> None:
    first = {"Key": "t/images/a", "VersionId": "2"}, {"Key": "t/images/a", "VersionId": "1"}
    marker, last = {"Key": "t/images/b", "VersionId": "9"}, {"Key": "t/images/c", "VersionId": "5"}
    store = ImageStore("the-bucket", offline_aws)
    for answered, expected in (
        (answers(Versions=[*first, last], DeleteMarkers=[marker]), [*first, marker, last]),
        (answers(Versions=[*first, last], DeleteMarkers=[marker], IsTruncated=True), [*first, marker]),
        (answers(Versions=first, IsTruncated=True), [*first]),
        (answers(), []),
    ):
        with AwsCalls(offline_aws.s3, ListObjectVersions=answered) as made:
            assert store.first_versions("t/images/") == expected
        assert {call["Prefix"] for call in made.of("ListObjectVersions")} == {"t/images/"}


def test_an_object_that_the_bucket_keeps_is_a_transient_fault(offline_aws: Aws) -> None:
    kept = answers(Errors=[{"Key": "t/1", "Code": "InternalError"}, {"Key": "t/2", "Code": "Other"}])
    with (
        AwsCalls(offline_aws.s3, DeleteObjects=kept, ListObjectVersions=one_version),
        pytest.raises(TransientError, match=r"^S3 kept 2 objects: InternalError$"),
    ):
        ImageStore("the-bucket", offline_aws).delete("t/1", "t/2", "t/3")


def test_the_name_of_a_download_is_signed(offline_aws: Aws) -> None:
    disposition = "inline; filename=\"a b.png\"; filename*=UTF-8''%C3%A9.png"
    link = urlsplit(ImageStore("the-bucket", offline_aws).link("t/k.png", content_disposition=disposition))
    assert parse_qs(link.query)["response-content-disposition"] == [disposition]


@pytest.mark.parametrize(("given", "expires_s"), [({}, "3600"), ({"expires_in": 60}, "60")])
def test_a_link_reads_one_object_for_a_while(given: dict[str, Any], expires_s: str, offline_aws: Aws) -> None:
    assert LINK_LIFETIME_S == 3600
    link = urlsplit(ImageStore("the-bucket", offline_aws).link("t/k.png", **given))
    assert (link.netloc, link.path) == ("offline.invalid", "/the-bucket/t/k.png")
    asked = parse_qs(link.query)
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert asked["X-Amz-Expires"] == [expires_s]


def test_a_form_uploads_one_object_of_one_kind_and_size(offline_aws: Aws) -> None:
    form = ImageStore("the-bucket", offline_aws).upload_form(
        "t/uploads/i", media_type="image/png", max_bytes=1000, expires_in=60
    )
    assert form.url == "http://offline.invalid/the-bucket"
    assert (form.fields["key"], form.fields["Content-Type"]) == ("t/uploads/i", "image/png")
    policy = json.loads(b64decode(form.fields["policy"]))
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert ["content-length-range", 1, 1000] in policy["conditions"]
    assert {"bucket": "the-bucket"} in policy["conditions"]
    assert {"key": "t/uploads/i"} in policy["conditions"]
