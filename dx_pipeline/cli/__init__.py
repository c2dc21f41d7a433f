"""The command line."""

import signal


def main() -> None:
    """The entry point; who stops the process while the commands are imported sees no traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is asked to end cleans up, as on Ctrl-C
    try:
        from dx_pipeline.cli.command import main as run
    except KeyboardInterrupt:
        raise SystemExit("dx: đã dừng. / stopped.") from None
    run()
