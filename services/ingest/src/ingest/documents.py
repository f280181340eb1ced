"""The API's own documents: its OpenAPI description, and a page to try it.

`registry.openapi` writes the description, committed beside this file. The page's scripts are served from here:
nothing is loaded from another host.
"""

from dataclasses import dataclass
from importlib.resources import files

_SWAGGER_UI = "aws_lambda_powertools.event_handler.openapi.swagger_ui"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    package: str
    file: str
    media_type: str


#: Name in the URL -> file. Nothing else is served.
ASSETS = {
    "swagger-ui.js": Asset(_SWAGGER_UI, "swagger-ui-bundle.min.js", "text/javascript"),
    "swagger-ui.css": Asset(_SWAGGER_UI, "swagger-ui.min.css", "text/css"),
}

#: Addresses are relative: the API may live below a path of its host.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Collections API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"></main>
<script src="docs/swagger-ui.js"></script>
<script>
SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true});
</script>
</body>
</html>
"""


def openapi_document() -> str:
    """The OpenAPI document as JSON."""
    return files("ingest").joinpath("openapi.json").read_text(encoding="utf-8")


def asset(name: str) -> tuple[str, str] | None:
    """Media type and text of a file of the page; None where there is no such file."""
    found = ASSETS.get(name)
    if found is None:
        return None
    return found.media_type, files(found.package).joinpath(found.file).read_text(encoding="utf-8")
