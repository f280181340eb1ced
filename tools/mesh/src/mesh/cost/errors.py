"""Errors of cost estimates; the package's docstring draws the tree."""

from workspace import OperatorError


class CostError(OperatorError):
    """Base of all errors of cost estimates."""


class PlanUnreadableError(CostError):
    """A plan or an inventory cannot be read."""


class UnpricedResourceError(CostError):
    """Something has neither a price nor a reason to be free."""


class UsageUnknownError(CostError):
    """The usage assumptions and the plan have different functions."""
