"""What gunicorn takes for its settings: all that is imported here is loaded once, before it forks.

Its processes then start at once and share the memory of the libraries. Nothing is opened or connected by
importing; each process makes its own application.
"""

from gridcrew.commands.web import events_application, web_application

__all__ = ["events_application", "web_application"]
