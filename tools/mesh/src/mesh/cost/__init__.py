"""`mesh cost`: an environment's monthly cost, estimated from its plan's resources, prices and usage assumptions.

CostError
├── PlanUnreadableError     a plan or an inventory cannot be read
├── UnpricedResourceError   something has neither a price nor a reason to be free
└── UsageUnknownError       the usage assumptions and the plan have different functions
"""
