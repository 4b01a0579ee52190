"""Fits of scikit-learn-style estimators, logged without a call: parameters, data, time, scores and the model.

An ``Autologger`` belongs to a session. Everything that a fit needs is imported at the first one, so that a session
without estimators pays for the hooks alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbops.capture.autolog import hooks
from nbops.capture.notices import tell

if TYPE_CHECKING:
    from nbops.capture.autolog.known import Known
    from nbops.capture.autolog.listening import Listening
    from nbops.capture.session import Session
    from nbops.records import Fit

__all__ = ["Autologger", "fit_of", "sample_of"]


def fit_of(model: object) -> Fit | None:
    """The last logged fit of a live model of this process; None when it was not logged."""
    autologger = _of_this_process()
    known = None if autologger is None else autologger.known(model)
    return None if known is None else known.fit


def sample_of(model: object) -> Any:
    """The table that a live model was fitted on, or some rows of it; None where they are not known any more."""
    autologger = _of_this_process()
    return None if autologger is None else autologger.sample(model)


def _of_this_process() -> Autologger | None:
    from nbops.capture import here

    session = here.open_session()
    return None if session is None else session.autologger


class Autologger:
    """Autologging of one session: the hooks now, the rest at the first call that they tell of.

    Args:
        session: where fits are recorded.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._hooks = hooks.Hooks(self)
        self._listening: Listening | None = None
        self.is_in = self._is_broken = False

    def put_in(self) -> None:
        """Begin to listen; safe to call twice."""
        if not self.is_in:
            self.is_in = True
            self._hooks.put_in()

    def take_out(self) -> None:
        """Leave every class as it was and finish what waits."""
        if self.is_in:
            self.is_in = False
            self._hooks.take_out()
            from nbops.capture.autolog.switch import forget

            forget()
        if self._listening is not None:
            self._listening.keeper.close()

    def listens(self) -> bool:
        """Whether calls of this thread are logged just now."""
        from nbops.capture.autolog.switch import is_wanted

        try:
            return not self._is_broken and is_wanted(self._session.settings.autolog) and self.listening.is_able
        except Exception as error:  # noqa: BLE001 - a hook must never break or stop a user's cell
            self._is_broken = True
            tell(f"fits cannot be logged: {type(error).__name__}: {error}", hint="nbops doctor")
            return False

    @property
    def listening(self) -> Listening:
        """What logs the calls, made at the first one."""
        if self._listening is None:
            from nbops.capture.autolog.listening import Listening

            self._listening = Listening(self._session)
        return self._listening

    def fit(self, *call: Any) -> Any:
        """Make and log a call of ``fit`` or one of its siblings."""
        __tracebackhide__ = True
        return self.listening.fit(*call)

    def answer(self, *call: Any) -> Any:
        """Make a call of ``predict`` or one of its siblings."""
        __tracebackhide__ = True
        return self.listening.answer(*call)

    def score(self, *call: Any) -> Any:
        """Make and log a call of ``score``."""
        __tracebackhide__ = True
        return self.listening.score(*call)

    def measure(self, *call: Any) -> Any:
        """Make and log a call of a metric's function."""
        __tracebackhide__ = True
        return self.listening.measure(*call)

    def cell_ended(self, namespace: Mapping[str, Any]) -> None:
        """Name the fits of a cell by the variables that hold their estimators now."""
        if self._listening is not None:
            self._listening.name_fits(namespace)

    def known(self, model: Any) -> Known | None:
        """The fit that a live model has had, if it was logged."""
        return None if self._listening is None else self._listening.memory.of(model)

    def sample(self, model: Any) -> Any:
        """Rows that a live model was fitted on; None where they are not known any more."""
        known = self.known(model)
        return None if known is None or self._listening is None else self._listening.memory.sample(known)

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Wait until models and data of all fits so far are kept; False when it takes longer than ``timeout_s``."""
        return self._listening is None or self._listening.keeper.wait(timeout_s)
