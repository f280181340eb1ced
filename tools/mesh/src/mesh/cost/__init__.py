"""`mesh cost`: what an environment costs a month, from the resources of its plan, prices and assumptions of its use.

CostError
├── PlanUnreadableError     a plan or an inventory is not what it should be
├── UnpricedResourceError   something has no price, nor a reason to be free
└── UsageUnknownError       the assumptions of use and the plan do not know the same functions
"""

from mesh.cost.data import Prices, Usage, load_prices, load_usage
from mesh.cost.errors import CostError, PlanUnreadableError, UnpricedResourceError, UsageUnknownError
from mesh.cost.estimating import Estimate, Row, estimate
from mesh.cost.inventory import Inventories, Inventory, inventory_of_plan, load_inventories, save_inventories

__all__ = [
    "CostError",
    "Estimate",
    "Inventories",
    "Inventory",
    "PlanUnreadableError",
    "Prices",
    "Row",
    "UnpricedResourceError",
    "Usage",
    "UsageUnknownError",
    "estimate",
    "inventory_of_plan",
    "load_inventories",
    "load_prices",
    "load_usage",
    "save_inventories",
]
