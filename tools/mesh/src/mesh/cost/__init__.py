"""`mesh cost`: what an environment costs a month, from the resources of its plan, prices and assumptions of its use.

CostError
├── PlanUnreadableError     a plan or an inventory is not what it should be
├── UnpricedResourceError   something has no price, nor a reason to be free
└── UsageUnknownError       the assumptions of use and the plan do not know the same functions
"""
