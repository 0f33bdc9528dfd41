"""Crews' work planned: a thread beside the worker, which must not wait for a search."""

import threading

from field_api.app import build_dispatcher
from gridcrew.home import installation
from gridcrew.settings import Settings


def start_dispatching(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Begin; the thread ends after ``stop``. Raises BadDataFile before anything starts."""
    dispatcher = build_dispatcher(installation(settings))
    thread = threading.Thread(target=dispatcher.run, args=(stop,), name="dispatching", daemon=True)
    thread.start()
    return thread
