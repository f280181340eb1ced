"""Runs the emulator: `python -m provider_emulator --port 4570 --models-dir .mesh/models`."""

import argparse
from pathlib import Path

import uvicorn

from provider_emulator.app import create_app


def main() -> None:
    """Serves on loopback until stopped. Port 0 takes a free one, which uvicorn prints."""
    parser = argparse.ArgumentParser(prog="provider_emulator", description="A local stand-in for the AI providers.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4570, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--models-dir", type=Path, default=Path(".mesh/models"), help="where converted models are kept (%(default)s)"
    )
    parser.add_argument("--mode", choices=["models", "instant"], default="models", help="real models or canned answers")
    options = parser.parse_args()
    app = create_app(options.models_dir, options.mode)
    # A caller that holds a connection open (a time-out fault) must not keep the server from stopping.
    uvicorn.run(
        app, host=options.host, port=options.port, log_level="info", access_log=False, timeout_graceful_shutdown=2
    )


if __name__ == "__main__":
    main()
