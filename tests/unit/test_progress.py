"""The time left of a run, on a clock that is set by hand."""

import pytest
from study.run.progress import TimeLeft, in_words


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def done(left: TimeLeft, job: int, rule: str, seconds: float) -> None:
    left.started(job, rule)
    left.clock.now += seconds
    left.finished(job)


def test_jobs_one_after_another_take_the_sum_of_their_times(clock):
    left = TimeLeft({"train": 3, "psnr": 3}, clock)
    done(left, 1, "train", 100)
    done(left, 2, "psnr", 10)
    assert left.seconds() == pytest.approx(2 * 100 + 2 * 10)


def test_jobs_side_by_side_take_half_the_time(clock):
    left = TimeLeft({"train": 4}, clock)
    left.started(1, "train")
    left.started(2, "train")
    clock.now = 60
    left.finished(1)
    left.finished(2)
    assert left.seconds() == pytest.approx(60)


def test_what_a_running_job_has_done_counts(clock):
    left = TimeLeft({"train": 2}, clock)
    done(left, 1, "train", 100)
    left.started(2, "train")
    clock.now += 70
    assert left.seconds() == pytest.approx(30)
    clock.now += 70
    assert left.seconds() == pytest.approx(0)


def test_nothing_is_said_before_most_kinds_of_jobs_are_known(clock):
    left = TimeLeft({"split": 2, "train": 8}, clock)
    assert left.seconds() is None
    done(left, 1, "split", 1)
    assert left.seconds() is None
    done(left, 2, "train", 100)
    assert left.seconds() > 7 * 90


def test_a_failed_job_is_still_to_be_done(clock):
    left = TimeLeft({"train": 2}, clock)
    done(left, 1, "train", 100)
    left.started(2, "train")
    left.failed(2)
    assert left.seconds() == pytest.approx(100)


def test_jobs_of_other_rules_and_those_not_seen_to_start_do_not_count(clock):
    left = TimeLeft({"train": 2}, clock)
    left.finished(1)  # as with --quiet rules
    assert left.seconds() is None
    done(left, 2, "train", 100)
    done(left, 3, "all", 0)
    assert left.seconds() == pytest.approx(100)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "1 min"), (200, "3 min"), (7_260, "2 h 1 min"), (180_000, "2 d 2 h")],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words
