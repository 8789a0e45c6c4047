"""One sample of multiprocessing's queues. Every message is bytes that begin and end with its number; the last message of a
sender is the mark, and a receiver ends with the first mark that it meets."""

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
import time

KIND, LOAD = sys.argv[1:3]
SIZE, PAIRS, PLACES, COUNT = map(int, sys.argv[3:7])
GATE = sys.argv[7]
STARTER = int(sys.argv[8])
MARK = 2**64 - 1
PR_SET_PDEATHSIG = 1


def die_with(parent):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("who started this is gone already, and nobody would end it")


def make(number):
    end = number.to_bytes(8, sys.byteorder)
    return end * (SIZE // 8) if LOAD == "Lease" else end + bytes(SIZE - 16) + end


def number_of(message):
    first, last = message[:8], message[-8:]
    if len(message) != SIZE or first != last:
        raise ValueError("a message arrived torn")
    if LOAD == "Lease" and message != first * (SIZE // 8):
        raise ValueError("a message arrived torn")
    return int.from_bytes(first, sys.byteorder)


def send(ready, tell, index, there, back):
    ready()
    begin = time.monotonic_ns()
    for number in range(index * COUNT, (index + 1) * COUNT):
        there.put(make(number))
    there.put(make(MARK))
    tell("sent", begin, time.monotonic_ns(), 0, 0)


def receive(ready, tell, index, there, back):
    ready()
    begin = time.monotonic_ns()
    count = total = 0
    while (number := number_of(there.get())) != MARK:
        count, total = count + 1, total + number
    tell("received", begin, time.monotonic_ns(), count, total % 2**64)


def ping(ready, tell, index, there, back):
    ready()
    begin = last = time.monotonic_ns()
    trips = []
    for number in range(COUNT):
        if LOAD == "Asleep":
            time.sleep(0.001)
            last = time.monotonic_ns()
        there.put(make(number))
        if number_of(back.get()) != number:
            raise ValueError("another number came back")
        came = time.monotonic_ns()
        trips.append(came - last)
        last = came
    there.put(make(MARK))
    tell("trips", begin, last, sorted(trips)[len(trips) // 2], last - begin)


def echo(ready, tell, index, there, back):
    ready()
    begin = time.monotonic_ns()
    while (number := number_of(there.get())) != MARK:
        back.put(make(number))
    tell("sent", begin, time.monotonic_ns(), 0, 0)


def main():
    die_with(STARTER)
    main_process = os.getpid()
    context = multiprocessing.get_context("fork")
    queue = (lambda: context.Queue(PLACES)) if KIND == "Queue" else context.SimpleQueue
    there, back = queue(), queue()
    (ready_read, ready_write), (go_read, go_write), (told_read, told_write) = (os.pipe() for _ in range(3))

    def worker(work, index):
        die_with(main_process)
        for fd in (ready_read, go_write, told_read):
            os.close(fd)

        def ready():
            os.write(ready_write, b"r")
            os.read(go_read, 1)  # The gate is open when nobody can write any more.

        def tell(*words):
            os.write(told_write, (" ".join(map(str, words)) + "\n").encode())

        work(ready, tell, index, there, back)

    works = [(echo, 0), (ping, 0)]
    if LOAD not in ("Asleep", "Busy"):
        works = [(work, index) for work in (receive, send) for index in range(PAIRS)]
    workers = [context.Process(target=worker, args=work, daemon=True) for work in works]
    for one in workers:
        one.start()
    for fd in (ready_write, go_read, told_write):
        os.close(fd)
    count = 0
    while count < len(workers):
        some = len(os.read(ready_read, len(workers)))
        if some == 0:
            sys.exit("a process ended before it was ready")
        count += some
    with socket.socket(socket.AF_UNIX) as gate:
        gate.connect(GATE)
        if gate.recv(1):
            os.close(go_write)
            with os.fdopen(told_read, "rb") as told:
                lines = told.read()
            for one in workers:
                one.join()
            if all(one.exitcode == 0 for one in workers):
                gate.sendall(lines)


main()
