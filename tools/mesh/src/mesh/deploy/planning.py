"""The changes of a deployment: each function as deployed, compared with its new package and build."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from localmesh.provision.context import error_code
from manifests import Build, FunctionRef, Manifests
from mesh.builds import variables_of
from mesh.deploy.errors import FunctionsMissingError, FunctionUnlikeError, PackageTooLargeError
from mesh.environments import Environment
from mesh.packaging.building import BuiltPackage

AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One function. `variables` are those to update; all others are left to Terraform."""

    key: str
    name: str
    package: BuiltPackage
    code_before: str
    variables: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def changes_code(self) -> bool:
        """Whether the function's code differs."""
        return self.code_before != self.package.code_sha256

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.changes_code or bool(self.variables)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Steps of one service in one environment; `bucket` receives the zips, None when they are uploaded directly."""

    environment: Environment
    bucket: str | None
    steps: tuple[Step, ...]

    @property
    def to_do(self) -> tuple[Step, ...]:
        """Functions that are not up to date."""
        return tuple(step for step in self.steps if step.changes)

    @property
    def uploads(self) -> tuple[BuiltPackage, ...]:
        """The distinct packages of functions whose code changes."""
        return tuple({step.package.sha256_hex: step.package for step in self.steps if step.changes_code}.values())


def plan_deployment(
    environment: Environment,
    manifests: Manifests,
    built: Sequence[BuiltPackage],
    build: Build,
    *,
    function: str | None = None,
) -> Deployment:
    """Compare the functions of these packages, or one of them, with the environment. Raises DeployError."""
    for package in built:
        if not package.fits:
            raise PackageTooLargeError(f"{package.file} has {package.unzipped} bytes unzipped: more than Lambda allows")
    pairs = [(ref, package) for package in built for ref in package.planned.functions]
    if function is not None:
        declared = ", ".join(ref.name for ref, _ in pairs)
        pairs = [(ref, package) for ref, package in pairs if ref.name == function]
        if not pairs:
            raise FunctionsMissingError(f"there is no function {function}; choose one of {declared}")
    missing = [key for ref, _ in pairs if (key := key_of(ref)) not in environment.functions]
    if missing:
        raise FunctionsMissingError(
            f"{environment.environment} has no {', '.join(missing)}: `make infra-apply ENV={environment.environment}` "
            "creates what the manifests declare"
        )
    client = environment.client("lambda", max_pool_connections=AT_ONCE)

    def plan(pair: tuple[FunctionRef, BuiltPackage]) -> Step:
        return _step(client, environment, manifests, *pair, variables_of(build))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Deployment(environment, environment.packages_bucket, tuple(pool.map(plan, pairs)))


def key_of(ref: FunctionRef) -> str:
    """`<service>.<function>`."""
    return f"{ref.service.service}.{ref.name}"


def _step(
    client: Any,  # noqa: ANN401 - as Environment gives it
    environment: Environment,
    manifests: Manifests,
    ref: FunctionRef,
    package: BuiltPackage,
    build: dict[str, str],
) -> Step:
    key, name = key_of(ref), environment.functions[key_of(ref)].name
    try:
        found = client.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        raise FunctionsMissingError(
            f"the function {name} was deleted from {environment.environment}: `make infra-apply "
            f"ENV={environment.environment}` creates it"
        ) from error
    wanted = (manifests.platform.runtime, manifests.platform.architecture)
    actual = (found["Runtime"], (found.get("Architectures") or ["x86_64"])[0])
    if actual != wanted:
        raise FunctionUnlikeError(
            f"{name} runs {' on '.join(actual)}, the package is for {' on '.join(wanted)}: "
            f"`make infra-apply ENV={environment.environment}` changes both"
        )
    settings = found.get("Environment", {})
    if "Error" in settings:
        raise FunctionUnlikeError(f"the variables of {name} cannot be read: {settings['Error'].get('Message')}")
    known = settings.get("Variables", {})
    return Step(
        key=key,
        name=name,
        package=package,
        code_before=found["CodeSha256"],
        variables={name: value for name, value in build.items() if known.get(name) != value},
        notes=tuple(_differences(found, ref, environment.environment)),
    )


def _differences(found: dict[str, Any], ref: FunctionRef, environment: str) -> list[str]:
    """Differences from the manifest that only Terraform applies; the code may depend on them."""
    pairs = {
        "handler": (found["Handler"], ref.function.handler),
        "memory": (found["MemorySize"], ref.function.memory_mb),
        "time-out": (found["Timeout"], ref.function.timeout_s),
    }
    return [
        f"its {name} is {actual}, the manifest has {wanted}: `make infra-apply ENV={environment}` changes that"
        for name, (actual, wanted) in pairs.items()
        if actual != wanted
    ]
