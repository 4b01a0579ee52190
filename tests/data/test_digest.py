import copy
import gc
import pickle
import random
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbops.data import digest, token
from nbops.data.digest import OPAQUE, Digest
from nbops.data.randomness import randomness
from nbops.data.tokens import reach

atoms = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.binary(max_size=4))
trees = st.recursive(
    atoms,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=15,
)


def places(tree, path=()):
    """Every container inside a tree with a place in it that can be set."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield tree, index
            yield from places(item)
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield tree, key
            yield from places(item)


@given(trees, st.data())
@settings(max_examples=200, deadline=None)
def test_any_edit_at_any_depth_is_seen_and_undoing_it_is_none(tree, data):
    before = digest(tree)
    assert digest(tree) == before
    spots = list(places(tree))
    if not spots:
        return
    container, key = data.draw(st.sampled_from(spots))
    kept = container[key]
    container[key] = ["edited"]
    assert digest(tree) != before
    container[key] = kept
    assert digest(tree) == before


@given(trees)
@settings(max_examples=100, deadline=None)
def test_a_token_never_calls_what_is_unchanged_changed(tree):
    assert token(tree) == token(tree)


def test_what_takes_too_long_is_sampled():
    assert digest([object() for _ in range(100_000)], 0.001).is_sample
    assert digest({place: [place] for place in range(300_000)}, 0.001).is_sample


def test_locks_inside_an_object_do_not_hide_the_rest():
    class Counter:
        def __init__(self):
            self.lock, self.count = threading.Lock(), 0

    counter = Counter()
    before = digest(counter)
    counter.count += 1
    assert before.evidence == "digest"
    assert digest(counter) != before


def test_what_is_partly_hidden_is_sampled():
    import socket

    with socket.socket() as hidden:
        assert digest([1, hidden]).evidence == "sampled"
        assert digest(hidden) == OPAQUE


def test_a_sample_is_told_from_what_is_only_partly_hidden():
    assert digest(np.zeros(10_000_000), 0.0001).is_sample
    assert digest(np.zeros(10)) == Digest(digest(np.zeros(10)).value, "digest", is_sample=False)


@pytest.mark.parametrize(
    "thing",
    [
        np.zeros((0, 3)),
        np.array(5),
        np.array([], dtype="U5"),
        pd.DataFrame(),
        pd.Series(dtype=object),
        "",
        b"",
        (),
        {},
        set(),
    ],
    ids=repr,
)
def test_empty_things_have_a_digest(thing):
    assert digest(thing).evidence == "digest"
    assert digest(thing) == digest(thing)


def test_taking_a_digest_leaves_the_object_as_it_was():
    def numbers():
        yield from range(5)

    running, listed = numbers(), iter([1, 2, 3])
    next(running)
    for thing in (running, listed):
        digest(thing)
    assert (list(running), list(listed)) == ([1, 2, 3, 4], [1, 2, 3])


def test_taking_a_digest_keeps_nothing_alive():
    frame = pd.DataFrame({"a": np.zeros(1000)})
    count = len(gc.get_referrers(frame))
    digest(frame)
    token(frame)
    reach(frame)
    assert len(gc.get_referrers(frame)) == count


def test_views_share_what_they_lead_to():
    base = np.zeros(10)
    assert reach(base[2:]).objects & reach(base[:3]).objects
    assert not reach(base).objects & reach(base.copy()).objects


def test_reach_gives_up_on_what_has_no_end():
    assert not reach([[place] for place in range(50_000)]).is_whole
    assert reach(list(range(50_000))).is_whole


def test_random_state_is_told_apart():
    states = [randomness()]
    random.random()
    states.append(randomness())
    np.random.rand()
    states.append(randomness())
    assert states[0]["random"] != states[1]["random"] == states[2]["random"]
    assert states[0]["numpy"] == states[1]["numpy"] != states[2]["numpy"]


def test_copies_of_estimators_are_equal_where_their_contents_are():
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.eye(3), np.arange(3))
    before = digest(model)
    copied = copy.deepcopy(model)
    model.coef_[0] += 1
    assert digest(model) != before
    model.coef_[0] = copied.coef_[0]
    assert digest(model) == before
    assert pickle.loads(pickle.dumps(before)) == before
