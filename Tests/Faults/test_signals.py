"""Signals come faster than the process can take them, and interrupt its system calls."""

import random
import signal
import threading
import time

HARMLESS = [signal.SIGHUP, signal.SIGCONT, signal.SIGWINCH, signal.SIGURG, signal.SIGCHLD, signal.SIGPIPE]


def test_storms_of_signals_change_nothing(new_scene):
    """Also of those that stop it, which interrupt system calls."""
    scene = new_scene()
    before = scene.await_page("everything is read", scene.is_whole)
    ended, sent = threading.Event(), 0

    def storm():
        nonlocal sent
        chance = random.Random(19)
        while not ended.is_set():
            for _ in range(200):
                scene.process.send_signal(chance.choice(HARMLESS))
            scene.process.send_signal(signal.SIGSTOP)
            scene.process.send_signal(signal.SIGCONT)
            sent += 202
            time.sleep(0.001)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        page = scene.await_reading(before, 10)
    finally:
        ended.set()
        thread.join()
    assert sent > 5_000
    assert page.sum("timewait_sampler_errors_total") == 0
    scene.await_recovery()
    assert not scene.lines("level=ERROR")
    # Several that come while one is served count as one.
    print(f"{sent} signals; {len(scene.lines('Reloading the web configuration'))} times SIGHUP was served")
    scene.stop()


def test_a_storm_of_SIGTERM_ends_it_once_and_well(new_scene):
    scene = new_scene()
    scene.await_page("everything is read", scene.is_whole)
    for _ in range(2_000):
        scene.process.send_signal(random.choice([signal.SIGTERM, signal.SIGINT]))
        if scene.process.poll() is not None:
            break
    assert scene.process.wait(20) == 0
    assert len(scene.lines("msg=Stopping")) == 1


def test_calls_that_are_interrupted_are_made_again(new_scene):
    """Every second call of every thread that waits or transfers bytes."""
    scene = new_scene()
    before = scene.await_page("everything is read", scene.is_whole)
    calls = "openat,read,recvfrom,sendto,poll,ppoll,epoll_wait,accept4,rt_sigtimedwait,sendmsg,writev,write"
    with scene.fault(f"{calls}:error=EINTR:when=1+2", all_threads=True):
        page = scene.await_reading(before, 5)
        assert page.sum("timewait_sampler_errors_total") == 0, scene.log()
        assert scene.is_whole(page), (page.text, scene.log())
    scene.await_recovery()
    assert not scene.lines("level=ERROR")
    scene.stop()
