"""Names, addresses and ARNs of every resource, derived from the manifests and the deployment."""

from dataclasses import dataclass

from manifests.catalogue import FunctionRef
from manifests.errors import NameTooLongError

APPLICATION = "collections"
#: What the queue of replayed events has behind the name of its function.
REPLAYED = "-replayed"
# The shortest of the limits that apply to a name which function, role, rule and queue share.
_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Names:
    """Names within one environment of one account and region."""

    environment: str
    region: str
    account: str

    @property
    def prefix(self) -> str:
        """What every name starts with, dash included."""
        return f"{APPLICATION}-{self.environment}-"

    @property
    def bus(self) -> str:
        """The event bus, and its archive."""
        return f"{APPLICATION}-{self.environment}"

    @property
    def images_bucket(self) -> str:
        """The bucket of originals, renditions, thumbnails and uploads; bucket names are unique in all of AWS."""
        return f"{self.prefix}images-{self.account}"

    @property
    def packages_bucket(self) -> str:
        """The bucket that functions are installed from."""
        return f"{self.prefix}packages-{self.account}"

    @property
    def schedules_dead_letter_queue(self) -> str:
        """The dead-letter queue for schedules that could not invoke their function."""
        return f"{self.prefix}schedules-dlq"

    @property
    def api(self) -> str:
        """The HTTP API, its authorizer, the user pool and its client."""
        return f"{APPLICATION}-{self.environment}"

    @property
    def parameter_prefix(self) -> str:
        """The path of all parameters, without a trailing slash."""
        return f"/{APPLICATION}/{self.environment}"

    @property
    def operators(self) -> str:
        """The role of operators."""
        return f"{self.prefix}operators"

    def function(self, ref: FunctionRef) -> str:
        """A function, its role, its rule and its queue.

        Raises NameTooLongError where `-replayed` behind it makes more than 64 characters.
        """
        name = f"{self.prefix}{ref.service.service}-{ref.name}"
        most = _LIMIT - len(REPLAYED)
        if len(name) > most:
            raise NameTooLongError(f"{name}: at most {most} characters")
        return name

    def dead_letter_queue(self, ref: FunctionRef) -> str:
        """The queue of messages that the function failed to process."""
        return f"{self.function(ref)}-dlq"

    def replayed_queue(self, ref: FunctionRef) -> str | None:
        """The queue of events that are replayed for the service, its rule and its mapping; None of other functions."""
        return f"{self.function(ref)}{REPLAYED}" if ref.is_replayed_to else None

    def log_group(self, ref: FunctionRef) -> str:
        """The log group of a function."""
        return f"/aws/lambda/{self.function(ref)}"

    def table(self, table: str) -> str:
        """A DynamoDB table."""
        return f"{self.prefix}{table}"

    def parameter(self, name: str) -> str:
        """A secret."""
        return f"{self.parameter_prefix}/{name}"

    def database_password(self, service: str) -> str:
        """The parameter with the password of a service's database role."""
        return self.parameter(f"database/{service}")

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def bus_arn(self) -> str:
        """The event bus."""
        return self.arn("events", f"event-bus/{self.bus}")

    def rule_arn(self, rule: str, bus: str = "default") -> str:
        """A rule; those of the default bus have no bus in their ARN."""
        return self.arn("events", f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}")

    def queue_arn(self, queue: str) -> str:
        """A queue."""
        return self.arn("sqs", queue)

    def function_arn(self, ref: FunctionRef) -> str:
        """A function."""
        return self.arn("lambda", f"function:{self.function(ref)}")

    def role_arn(self, ref: FunctionRef) -> str:
        """The role of a function."""
        return f"arn:aws:iam::{self.account}:role/{self.function(ref)}"

    def bucket_arn(self, key: str = "") -> str:
        """The images bucket, or keys in it."""
        return f"arn:aws:s3:::{self.images_bucket}" + (f"/{key}" if key else "")
