"""The page of a service."""

from dataclasses import replace

from registry.catalogue import Json
from registry.site.sources import Site


def values(site: Site, name: str) -> Json:
    """What the service is and whose, what it publishes and consumes, and where it runs."""
    service, known = site.topology.services[name], site.catalogue.versions
    # Of other services' events only the line to this service.
    shown = [
        fact if fact.producer == name else replace(fact, consumers=(name,))
        for fact in site.facts
        if name in (fact.producer, *fact.consumers)
    ]
    return {
        "name": name,
        "service": service,
        "picture": site.picture(shown, "../"),
        "published": [site.row(event) for event in service.publishes if event in known],
        "consumed": [
            (site.row(item.event), site.fact(item.event).producer, item.function)
            for item in service.consumes
            if item.event and item.event in known
        ],
        "aws": [item for item in service.consumes if item.aws_event],
        "environments": site.environments,
        "runs": [
            (environment.environment, environment.services[name])
            for environment in site.environments
            if name in environment.services
        ],
    }
