"""Plans, applies and checks every configuration of a repository once, two at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from policy_checks.terraform.mocked_apply import known_plan, mocked_apply, mocked_plan
from policy_checks.terraform.running import Terraform

# Starting Terraform keeps one CPU busy for a few seconds.
_AT_A_TIME: Final = 2
ENVIRONMENTS: Final = "terraform/environments"
Document = Mapping[str, Any]
T = TypeVar("T")


def environments_of(repository: Path) -> list[str]:
    """Names of all environments that have a configuration."""
    return sorted(path.parent.name for path in (repository / ENVIRONMENTS).glob("*/main.tf"))


@dataclass
class Runner:
    """Does each piece of work once, in `copy`, on the first request.

    Configurations are folders of the copied repository; `variables` are those that every environment is given.
    """

    terraform: Terraform
    copy: Path
    variables: Document
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_A_TIME))
    _checks: dict[str, Future[list[str]]] = field(default_factory=dict)
    _plans: dict[str, Future[Document]] = field(default_factory=dict)
    _known: dict[str, Future[Document]] = field(default_factory=dict)

    def begin(self, known: Iterable[str], planned: Iterable[str], checked: Iterable[str]) -> None:
        """Start work that will be requested: the longest, and what most depends on, first."""
        first = list(known)
        for environment in first:
            self._plan_of(environment)
        for environment in first:
            self._known_of(environment)
        for environment in planned:
            self._plan_of(environment)
        for configuration in checked:
            self._check_of(configuration)

    def end(self) -> None:
        """Cancel pending work, and wait for running work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def problems(self, configuration: str) -> list[str]:
        """What validation and the configuration's own tests find. Raises TerraformFailedError when it cannot be
        initialised."""
        return self._check_of(configuration).result()

    def planned(self, environment: str) -> Document:
        """The plan of an environment. Raises TerraformFailedError."""
        return self._plan_of(environment).result()

    def known(self, environment: str) -> Document:
        """The plan of an environment in which everything is known. Raises TerraformFailedError."""
        return self._known_of(environment).result()

    def applied(self, environment: str) -> Document:
        """The state of an environment after its plan was applied. Raises TerraformFailedError."""
        plan = self.planned(environment)
        return mocked_apply(self.terraform, self._folder(environment), self.variables, plan)

    def planned_by_the_provider(self, environment: str, variables: Mapping[str, str]) -> Document:
        """The whole document of `terraform plan`; `variables` point the provider to an AWS emulator.

        Raises TerraformFailedError.
        """
        self.planned(environment)
        terraform = self.terraform.with_variables(variables)
        return terraform.plan(self._folder(environment), self.variables)

    def _check_of(self, configuration: str) -> Future[list[str]]:
        return self._once(self._checks, configuration, self._check)

    def _plan_of(self, environment: str) -> Future[Document]:
        return self._once(self._plans, environment, self._plan)

    def _known_of(self, environment: str) -> Future[Document]:
        # The plan is queued first and waits for nothing, so tasks that wait for it cannot exhaust the pool.
        self._plan_of(environment)
        return self._once(self._known, environment, self._know)

    def _once(self, futures: dict[str, Future[T]], name: str, work: Callable[[str], T]) -> Future[T]:
        if name not in futures:
            futures[name] = self._pool.submit(work, name)
        return futures[name]

    def _check(self, configuration: str) -> list[str]:
        folder = self.copy / configuration
        self.terraform.init(folder)
        tested = any(folder.glob("tests/*.tftest.hcl"))
        # Tests validate everything except the configuration of the provider that they mock.
        validated = tested and not any('provider "aws" {' in file.read_text("utf-8") for file in folder.glob("*.tf"))
        problems = [] if validated else self.terraform.validate(folder)
        return problems + (self.terraform.test(folder) if tested else [])

    def _plan(self, environment: str) -> Document:
        folder = self._folder(environment)
        self.terraform.init(folder)
        return mocked_plan(self.terraform, folder, self.variables)

    def _know(self, environment: str) -> Document:
        plan = self._plans[environment].result()
        return known_plan(self.terraform, self._folder(environment), self.variables, plan)

    def _folder(self, environment: str) -> Path:
        return self.copy / ENVIRONMENTS / environment
