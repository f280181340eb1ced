"""Whether this container is alive: `python -m serving.probe`, for engines without probes of their own (HEALTHCHECK)."""

import http.client
import os
import sys


def main() -> int:
    """0 where `/healthz` answers 200, else 1 and why in one line."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("MANAGEMENT_PORT", "9090")), timeout=2)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except OSError as error:
        sys.stderr.write(f"serving: no answer: {error}\n")
        return 1
    finally:
        connection.close()
    if status != 200:
        sys.stderr.write(f"serving: /healthz answers {status}\n")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main())
