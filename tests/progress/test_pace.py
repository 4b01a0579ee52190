"""What is shown keeps up with what is said, without being flooded by it."""

from nbops.progress import Pace


def test_what_is_said_right_after_something_else_is_shown_and_a_flood_is_not() -> None:
    pace = Pace(every_s=3600, at_once=3)

    assert [pace.allows() for _ in range(5)] == [True, True, True, False, False]


def test_silence_makes_up_for_what_was_shown() -> None:
    pace = Pace(every_s=1e-9, at_once=1)

    assert [pace.allows() for _ in range(3)] == [True, True, True]
