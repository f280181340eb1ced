"""What can go wrong while costs are reckoned; the package's docstring draws the tree."""

from workspace import OperatorError


class CostError(OperatorError):
    """Base of all errors that the reckoning raises on purpose."""


class PlanUnreadableError(CostError):
    """A plan or an inventory is not what it should be."""


class UnpricedResourceError(CostError):
    """Something has no price, nor a reason to be free."""


class UsageUnknownError(CostError):
    """The assumptions of use and the plan do not know the same functions."""
