"""The first page, and the one to search."""

from registry.catalogue import Json
from registry.fields import fields_of
from registry.lifecycle import Stage
from registry.site.sources import Site


def overview(site: Site) -> Json:
    """The mesh as a picture, and every contract below its producer."""
    services, known = site.topology.services, site.catalogue.versions
    drawn = {fact.event_type: fact.producer for fact in site.facts}
    groups = [
        (name, services[name], [site.row(event) for event, producer in drawn.items() if producer == name])
        for name in site.hues
    ]
    return {
        "picture": site.picture(site.facts),
        "groups": [group for group in groups if group[2]],
        "others": [site.row(event) for event in known if event not in drawn],
        "versions": sum(map(len, known.values())),
        "contracts": len(known),
        "services": len(services),
    }


def everything(site: Site) -> Json:
    """Every event, field and service with the words to find it by."""
    events = [site.row(event_type) for event_type in site.catalogue.versions]
    return {
        "events": events,
        "services": [(name, site.topology.services[name]) for name in site.hues],
        "fields": sorted(
            (
                (field, event["type"], event["label"])
                for event in events
                if event["standing"].stage is not Stage.RETIRED
                for field in fields_of(site.catalogue.versions[event["type"]][-1].consumer).values()
            ),
            key=lambda found: (found[0].name, found[1]),
        ),
    }
