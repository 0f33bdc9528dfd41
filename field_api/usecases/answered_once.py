"""An operation that was answered gets the same answer again; another use of its id is refused (fault 28)."""

from field_api.ports import DeskSession
from field_api.usecases.errors import Conflict


def given_before(session: DeskSession, user_id: str, operation_id: str, digest: str) -> str | None:
    """The document that this operation was answered with; None the first time.

    ``digest`` tells what is asked; raises ``Conflict`` where the id was used for something else.
    """
    before = session.operations.answered(user_id, operation_id)
    if before is None:
        return None
    if before.digest != digest:
        raise Conflict("request.operation_reused", operation=operation_id)
    return before.document
