"""Virtual time: what jumps, what holds it, and that nothing of it stays."""

import asyncio
import itertools
import random
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import anyio
import pytest

from asfini.clock import advance, change_waits, hold, run_in_thread, stand, stands, virtual_time

YEAR = timedelta(days=365).total_seconds()


def now() -> float:
    return asyncio.get_running_loop().time()


def runs() -> bool:
    """Whether the clock moves by itself, which a held or a real one does before long."""
    start = now()
    return any(now() > start for _ in range(100_000))


@pytest.fixture
async def virtual() -> Any:
    with virtual_time():
        yield


@pytest.mark.usefixtures("virtual")
class TestJumps:
    @pytest.mark.parametrize("seconds", [1e-9, 0.1, 1 / 3, 60, 3600, 86_400.5, YEAR, 100 * YEAR])
    async def test_a_sleep_takes_exactly_its_time(self, seconds: float) -> None:
        due = now() + seconds
        await asyncio.sleep(seconds)
        assert now() == due

    async def test_the_clock_stands_still_while_code_computes(self) -> None:
        assert not runs()

    async def test_short_and_empty_timers_come_due_a_hundred_years_ahead(self) -> None:
        await asyncio.sleep(100 * YEAR)
        for seconds in (0, 1e-12, 1e-9, 1e-3):
            called = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, called.set)
            await called.wait()

    async def test_time_does_not_go_on_for_those_who_sleep_for_ever(self) -> None:
        start, loop = now(), asyncio.get_running_loop()
        sleeper = asyncio.create_task(anyio.sleep_forever())
        woken = loop.create_future()
        thread = threading.Timer(0.1, lambda: loop.call_soon_threadsafe(woken.set_result, None))
        thread.start()
        await woken
        thread.join()
        sleeper.cancel()
        assert now() == start

    async def test_timers_come_due_in_their_order_each_at_its_own_time(self) -> None:
        numbers = random.Random(1)
        start, due, seen = now(), [numbers.uniform(0, YEAR) for _ in range(500)], []
        async with asyncio.TaskGroup() as group:
            for seconds in due:
                group.create_task(self.note_after(seconds, seen))
        assert seen == sorted(start + seconds for seconds in due)

    @staticmethod
    async def note_after(seconds: float, seen: list[float]) -> None:
        await asyncio.sleep(seconds)
        seen.append(now())

    async def test_timers_of_equal_times_share_one_jump(self) -> None:
        loop, called = asyncio.get_running_loop(), []
        due = now() + 60
        for number in range(5):
            loop.call_at(due, lambda number=number: called.append((number, now())))
        await asyncio.sleep(61)
        assert sorted(called) == [(number, due) for number in range(5)]

    async def test_a_jump_takes_one_look_at_sockets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        looks, select = [], clock.select
        monkeypatch.setattr(clock, "select", lambda timeout: looks.append(timeout) or select(timeout))
        for _ in range(10):
            await asyncio.sleep(YEAR)
        assert len([timeout for timeout in looks if timeout]) == 10

    async def test_cancelled_timers_are_not_jumped_to(self) -> None:
        loop = asyncio.get_running_loop()
        due = now() + 3600
        for seconds in (1, 60, 3599):
            loop.call_later(seconds, int).cancel()
        await asyncio.sleep(3600)
        assert now() == due

    async def test_what_is_ready_runs_before_any_jump(self) -> None:
        start = now()
        asyncio.get_running_loop().call_later(60, int)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert now() == start

    async def test_anyios_deadlines_and_sleeps_jump_too(self) -> None:
        start = now()
        with anyio.move_on_after(YEAR):
            await anyio.sleep(2 * YEAR)
        assert anyio.current_time() == start + YEAR

    async def test_an_endless_round_of_timers_lets_others_come_due(self) -> None:
        async def beat() -> None:
            for _ in itertools.repeat(None):
                await asyncio.sleep(20)

        start = now()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(beat(), 3600)
        assert now() == start + 3600


@pytest.mark.usefixtures("virtual")
class TestHold:
    async def test_the_clock_runs_until_the_last_hold_ends(self) -> None:
        with hold():
            with hold():
                assert runs()
            assert runs()
        assert not runs()

    async def test_time_only_grows_when_holds_come_and_go(self) -> None:
        seen = [now()]
        for _ in range(100):
            with hold():
                seen.append(now())
            seen.append(now())
            await asyncio.sleep(0.001)
        assert seen == sorted(seen)

    async def test_a_hold_ends_with_its_blocks_error(self) -> None:
        with pytest.raises(ZeroDivisionError), hold():
            raise ZeroDivisionError
        assert not runs()

    async def test_holds_may_end_in_another_order_than_they_began(self) -> None:
        first, second = hold(), hold()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert runs()
        second.__exit__(None, None, None)
        assert not runs()

    async def test_timers_come_due_while_the_clock_is_held(self) -> None:
        with hold():
            due = now() + 0.001
            await asyncio.sleep(0.001)
            assert now() >= due

    async def test_a_process_is_waited_for_under_a_deadline(self) -> None:
        async with asyncio.timeout(300):
            with hold():
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", "print('done')", stdout=asyncio.subprocess.PIPE
                )
                output, _ = await process.communicate()
        assert output.split() == [b"done"]

    async def test_a_socket_of_this_process_answers_under_a_deadline(self) -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        other_reader, other_writer = await asyncio.open_connection(sock=theirs)
        async with asyncio.timeout(1):
            for number in range(100):
                writer.write(b"%d\n" % number)
                other_writer.write(await other_reader.readline())
                assert await reader.readline() == b"%d\n" % number
        for each in (writer, other_writer):
            each.close()
            await each.wait_closed()


Runner = Callable[[Callable[[], Any]], Awaitable[Any]]


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize("in_thread", [run_in_thread, asyncio.to_thread])
class TestThreads:
    async def test_a_thread_is_not_cut_by_a_deadline(self, in_thread: Runner) -> None:
        loop = asyncio.get_running_loop()

        def work() -> int:
            """Talk with the loop, which has nothing else to do but to look at its timers meanwhile."""
            return sum(
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0, 1), loop).result(30) for _ in range(200)
            )

        async with asyncio.timeout(300):
            assert await in_thread(work) == 200

    async def test_the_clock_jumps_again_when_a_thread_has_ended(self, in_thread: Runner) -> None:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)
        await asyncio.sleep(0)  # the end of an executor's future is told in the loop's next round
        assert not runs()

    async def test_the_clock_runs_until_the_last_thread_has_ended(self, in_thread: Runner) -> None:
        go_on = threading.Event()
        slow = asyncio.ensure_future(in_thread(lambda: go_on.wait(30)))
        await in_thread(lambda: None)
        assert runs()
        go_on.set()
        assert await slow
        await asyncio.sleep(0)
        assert not runs()

    async def test_a_cancelled_wait_for_a_thread_holds_the_clock_no_longer(self, in_thread: Runner) -> None:
        loop = asyncio.get_running_loop()
        begun, go_on = asyncio.Event(), threading.Event()

        def work() -> None:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(30)

        waiting = asyncio.ensure_future(in_thread(work))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        assert not runs()
        go_on.set()


class TestStanding:
    async def test_no_timer_is_due_while_time_stands(self, virtual: Any) -> None:
        begin = now()
        with stand():
            sleeping = asyncio.create_task(asyncio.sleep(3600))
            await asyncio.to_thread(threading.Event().wait, 0.05)
            assert stands()
            assert (now(), sleeping.done()) == (begin, False)
        await sleeping
        assert now() == begin + 3600

    async def test_it_stands_from_the_start_of_virtual_time_if_it_is_told_so_before(self) -> None:
        with stand(), virtual_time():
            begin = now()
            await asyncio.to_thread(threading.Event().wait, 0.05)
            assert now() == begin

    async def test_it_can_be_moved_and_all_timers_on_the_way_are_due_in_order(self, virtual: Any) -> None:
        begin, woken = now(), []

        async def nap() -> None:
            for _ in range(3):
                await asyncio.sleep(10)
                woken.append(now() - begin)

        with stand():
            napping = asyncio.create_task(nap())
            await advance(25)
            assert now() == begin + 25
            assert woken == pytest.approx([10, 20])
            await asyncio.gather(advance(5), advance(0))
            await napping
        assert woken == pytest.approx([10, 20, 30])

    async def test_real_time_cannot_be_moved(self) -> None:
        with pytest.raises(RuntimeError, match="not virtual"):
            await advance(1)

    async def test_whoever_moves_it_is_let_go_when_virtual_time_ends(self) -> None:
        with virtual_time(), hold():
            moving = asyncio.create_task(advance(3600))
            await asyncio.sleep(0)
        await moving

    async def test_whoever_has_yet_to_come_has_some_time_where_others_are_served(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini.clock.PATIENCE", 0.2)
        loop, come = asyncio.get_running_loop(), asyncio.Event()
        with virtual_time(served=True):
            begin = now()
            change_waits(loop, 1)
            thread = threading.Timer(0.05, lambda: loop.call_soon_threadsafe(come.set))
            thread.start()
            await asyncio.wait_for(come.wait(), 3600)
            assert now() == begin
            change_waits(loop, -1)
            await asyncio.sleep(3600)
            change_waits(loop, 1)
            await asyncio.sleep(3600)
            assert now() == pytest.approx(begin + 7200)
            thread.join()


async def test_a_thread_gets_its_arguments_and_a_limiter() -> None:
    limiter = anyio.CapacityLimiter(1)
    assert await run_in_thread(divmod, limiter, 7, 2) == (3, 1)
    assert await run_in_thread(int, None, "ff", base=16) == 255


@pytest.mark.usefixtures("virtual")
async def test_a_foreign_thread_wakes_a_loop_without_timers() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, "done"))
    thread.start()
    assert await done == "done"
    thread.join()


class TestEntering:
    async def test_virtual_time_in_virtual_time_ends_with_the_outer(self) -> None:
        with virtual_time():
            with virtual_time():
                assert not runs()
            assert not runs()
        assert runs()

    async def test_it_lasts_until_the_last_of_several_tasks_leaves(self) -> None:
        first, second = virtual_time(), virtual_time()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not runs()
        second.__exit__(None, None, None)
        assert runs()

    async def test_time_goes_on_from_where_it_ended(self) -> None:
        start = now()
        with virtual_time():
            await asyncio.sleep(YEAR)
            ended = now()
        assert start + YEAR <= ended <= now() < ended + 60

    async def test_timers_keep_their_distance_when_it_ends(self) -> None:
        loop = asyncio.get_running_loop()
        with virtual_time():
            await asyncio.sleep(YEAR)
            timer = loop.call_later(3600, int)
        assert 3540 < timer.when() - loop.time() <= 3600
        timer.cancel()

    async def test_it_can_be_entered_thousands_of_times(self) -> None:
        start = now()
        for _ in range(5000):
            with virtual_time():
                await asyncio.sleep(3600)
        assert now() >= start + 5000 * 3600

    async def test_it_ends_with_its_blocks_error(self) -> None:
        with pytest.raises(ZeroDivisionError), virtual_time():
            raise ZeroDivisionError
        assert runs()

    async def test_a_hold_that_outlives_it_does_no_harm(self) -> None:
        held = hold()
        with virtual_time():
            held.__enter__()
            assert runs()
        assert runs()
        with virtual_time():
            assert runs()
            held.__exit__(None, None, None)
            assert not runs()
        assert runs()

    async def test_a_thread_that_outlives_it_does_no_harm(self) -> None:
        go_on = threading.Event()
        with virtual_time():
            slow = asyncio.ensure_future(asyncio.to_thread(go_on.wait, 30))
            await asyncio.sleep(0)
        go_on.set()
        assert await slow
        with virtual_time():
            assert not runs()

    async def test_a_hold_that_began_before_it_counts(self) -> None:
        with hold(), virtual_time():
            assert runs()
        with virtual_time():
            assert not runs()

    async def test_a_thread_that_began_before_it_is_waited_for_under_a_deadline(self) -> None:
        go = threading.Event()
        thread = asyncio.create_task(run_in_thread(go.wait))
        await asyncio.sleep(0)
        with virtual_time():
            asyncio.get_running_loop().call_later(0.01, go.set)
            async with asyncio.timeout(3600):
                assert await thread
            assert not runs()

    async def test_holding_without_virtual_time_does_nothing(self) -> None:
        with hold():
            assert runs()

    async def test_the_loops_own_selector_and_executors_come_back(self) -> None:
        loop: Any = asyncio.get_running_loop()
        own = loop._selector, loop.run_in_executor
        with virtual_time():
            assert (loop._selector, loop.run_in_executor) != own
        assert (loop._selector, loop.run_in_executor) == own


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


class TestLoops:
    def test_no_loop_no_virtual_time(self) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"), virtual_time():
            pass

    def test_a_loop_in_debug_mode_jumps_without_complaints(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> float:
            with virtual_time():
                start = now()
                await asyncio.sleep(YEAR)
                return now() - start

        assert asyncio.run(main(), debug=True) == pytest.approx(YEAR)
        assert not [record for record in caplog.records if record.levelname != "DEBUG"]

    def test_a_loop_that_stops_and_runs_again_keeps_its_virtual_time(self, runner: asyncio.Runner) -> None:
        async def enter() -> Any:
            block = virtual_time()
            block.__enter__()
            return block

        block = runner.run(enter())
        start = runner.get_loop().time()
        runner.run(asyncio.sleep(YEAR))
        assert runner.get_loop().time() == start + YEAR
        block.__exit__(None, None, None)

    def test_a_loop_may_be_closed_in_virtual_time(self) -> None:
        async def enter() -> Any:
            block = virtual_time()
            block.__enter__()
            await asyncio.sleep(3600)
            return block

        with asyncio.Runner() as runner:
            loop, block = runner.get_loop(), runner.run(enter())
        block.__exit__(None, None, None)
        assert loop.is_closed()

    def test_two_loops_have_times_of_their_own(self, runner: asyncio.Runner) -> None:
        async def main() -> float:
            with virtual_time():
                start = now()
                await asyncio.to_thread(asyncio.run, other())
                return now() - start

        async def other() -> None:
            with virtual_time():
                await asyncio.sleep(YEAR)

        assert runner.run(main()) < YEAR

    def test_uvloop_is_refused_by_name(self) -> None:
        uvloop = pytest.importorskip("uvloop")

        async def main() -> None:
            with virtual_time():
                pass

        with (
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            pytest.raises(
                RuntimeError, match=r"needs an asyncio loop with a selector, but uvloop\.Loop has none"
            ),
        ):
            runner.run(main())


async def test_it_is_said_once_where_nothing_will_ever_happen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("asfini.clock.SILENCE", 0.01)
    loop = asyncio.get_running_loop()
    with virtual_time():
        never = loop.create_future()
        thread = threading.Timer(0.1, lambda: loop.call_soon_threadsafe(never.set_result, None))
        thread.start()
        await never
        thread.join()
    assert [record.message for record in caplog.records] == [
        "everything waits in virtual time, and no timer is set: perhaps a task waits for a Worker that was "
        "not started"
    ]
