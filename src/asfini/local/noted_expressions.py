"""The data flow of states in JSONata, noted for a test of the state."""

from typing import TYPE_CHECKING, Any

from asfini.local.expressions import ExpressionFlow
from asfini.local.run import Frame, Outcome

if TYPE_CHECKING:
    from asfini.local.inspection import Inspection


class NotedExpressions(ExpressionFlow):
    """The data flow of one state in JSONata, which notes what it does.

    Args:
        state: the state.
        inspection: takes the notes.

    Raises:
        QueryError: an expression of its is none.
    """

    def __init__(self, state: Any, inspection: "Inspection") -> None:
        super().__init__(state)
        self._inspection = inspection

    def arguments(self, frame: Frame, value: Any) -> Any:
        """Arguments."""
        given = super().arguments(frame, value)
        self._inspection.note("afterArguments", given)
        return given

    def setting(self, frame: Frame, owner: Any, field: str, value: Any, place: str, kind: str) -> Any:
        """Read a field."""
        found = super().setting(frame, owner, field, value, place, kind)
        self._inspection.note_setting(field, found)
        return found

    def passed_on(self, frame: Frame, value: Any, result: Any, following: str | None) -> Outcome:
        """Output."""
        self._inspection.note("result", result)
        return super().passed_on(frame, value, result, following)
