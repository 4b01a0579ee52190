"""What is taken from the clock, what draws random numbers, and which variables a kernel is given: without a kernel."""

from __future__ import annotations

import pytest

from nbops.records import Environment, Run, ThreadPool
from nbops.reproduce import variables_of
from nbops.reproduce.clock import Clock
from nbops.reproduce.environments import usable_cores
from nbops.rest.routes import ROUTES


@pytest.mark.parametrize(
    ("cells", "names", "metrics"),
    [
        (["t = time.time()"], {"t"}, set()),
        (["t0 = perf_counter()", "took = round(perf_counter() - t0, 2)"], {"t0", "took"}, set()),
        (["t0 = time.time()", "log_metrics({'fit_s': time.time() - t0, 'acc': 1})"], {"t0"}, {"fit_s"}),
        (["started = datetime.now()", "name = f'run {started:%H}'"], {"started", "name"}, set()),
        (["took = []", "took.append(time.time() - 3)"], {"took"}, set()),
        (["t = time.time()", "t = 5"], set(), set()),
        # A seed from the clock makes what is drawn another each time, and that must show.
        (["seed = int(time.time())", "x = rng(seed).random()", "nbops.log_metric('x', x)"], {"seed"}, set()),
        (["df['age'] = today() - df['born']"], set(), set()),
        (["%%time\nx = 1"], set(), set()),
        (["this is no Python"], set(), set()),
    ],
)
def test_measured_times_are_told_from_the_code(cells: list[str], names: set[str], metrics: set[str]) -> None:
    clock = Clock()
    for cell in cells:
        clock.read(cell)
    assert (clock.names, clock.metrics) == (names, metrics)


def test_thread_counts_are_pinned_where_this_machine_would_choose_others() -> None:
    pools = [ThreadPool(library="openblas", core="Haswell", threads=3), ThreadPool(library="openmp", threads=5)]
    run = Run(id="r", name="a", kind="session", started_at=0.0, thread_pools=pools)

    def on(cores: str) -> dict[str, str]:
        there = Environment(
            id="e", python="3.11.2", platform="p", packages={}, variables={"TZ": "UTC", "PYTHONHASHSEED": "random"},
            machine={"cores": cores}, created_at=0.0,
        )  # fmt: skip
        return {name: value for name, value in variables_of(run, there).items() if name != "OPENBLAS_CORETYPE"}

    assert on(str(usable_cores())) == {"TZ": "UTC", "PYTHONHASHSEED": "0"}
    assert on("999") == {
        "TZ": "UTC", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5",
        "LOKY_MAX_CPU_COUNT": "999",
    }  # fmt: skip


def test_the_api_asks_for_the_right_to_execute() -> None:
    (route,) = [route for route in ROUTES if route.name == "reproduce"]
    assert (route.method, route.action) == ("POST", "execute")
