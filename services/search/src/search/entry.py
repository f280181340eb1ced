"""The HTTP entry point on the real bootstrap."""

from chassis.http import HttpEntry
from search.api import routes
from search.bootstrap import production

api = routes(production())
http = HttpEntry(api)
