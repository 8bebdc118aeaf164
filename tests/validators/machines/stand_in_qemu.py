#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Plays QEMU: writes a console, speaks on the sockets that its arguments name, and ends as the scenario says.
"""usage: stand_in_qemu.py SCENARIO [nonce=TEXT] [state=DIR] QEMU-ARGUMENTS…"""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time

ARGUMENTS = sys.argv[2:]


def channel(name):
    for argument in ARGUMENTS:
        match = re.fullmatch(r"socket,id=%s,fd=(\d+)" % name, argument)
        if match:
            return socket.socket(fileno=int(match.group(1)))
    sys.exit("stand-in: no channel " + name)


def option(key):
    for argument in ARGUMENTS:
        if argument.startswith(key + "="):
            return argument[len(key) + 1:]
    return None


def expected():
    for argument in ARGUMENTS:
        match = re.fullmatch(r"if=none,id=agent,.*file=(.*)", argument)
        if match:
            with tarfile.open(match.group(1)) as tar:
                return json.load(tar.extractfile("expected.json"))
    return {"nonce": option("nonce")}


CONSOLE, AGENT, MONITOR = channel("console"), channel("agent"), channel("monitor")
sequence = 0


def say(text):
    CONSOLE.sendall(text.encode())


def frame(message, nonce=None):
    body = json.dumps({**message, "seq": sequence}, separators=(",", ":"))[:-1]
    code = hmac.new((nonce or expected()["nonce"]).encode(), body.encode(), hashlib.sha256).hexdigest()
    return body + ',"mac":"' + code + '"}\n'


def speak(message, nonce=None):
    global sequence
    AGENT.sendall(frame(message, nonce).encode())
    sequence += 1


def hello():
    speak({"type": "hello", "ainode-agent": 2, "uptime": 2.5, "kernel": "6.12.0-test"})


def verdict_on(identity, verdict="pass"):
    return {"type": "result", "id": identity, "sentence": "a promise", "verdict": verdict, "measured": 1,
            "expected": 1, "evidence": "/proc/test", "reason": "" if verdict == "pass" else "it is so", "place": "",
            "seconds": 0.1, "lacks": ""}  # fmt: skip


def result(identity, verdict="pass"):
    speak({"type": "begin", "id": identity})
    speak(verdict_on(identity, verdict))


def end(count, request=0):
    speak({"type": "end", "checks": count, "request": request})


def output(data, stream="stdout"):
    speak({"type": "output", "stream": stream, "data": base64.b64encode(data).decode()})


def leave(request, status=0, timed_out=False):
    speak({"type": "exit", "status": status, "timed_out": timed_out, "request": request["seq"]})


def requests():
    """What the harness asks, one by one, each with the input that came before it."""
    given = b""
    for number, line in enumerate(AGENT.makefile("rb")):
        body, code = line.decode().rsplit(',"mac":"', 1)
        key = (expected()["nonce"] + "/requests").encode()
        if code != hmac.new(key, body.encode(), hashlib.sha256).hexdigest() + '"}\n':
            sys.exit("stand-in: a request with a wrong code")
        request = json.loads(body + "}")
        if request["seq"] != number:
            sys.exit("stand-in: request %d where %d is due" % (request["seq"], number))
        if request["type"] == "input":
            given += base64.b64decode(request["data"])
            continue
        if request["type"] == "run":
            request["argv"] = base64.b64decode(request["argv"]).split(b"\0")[:-1]
        request["input"], given = given, b""
        yield request


def shut_down(reason):
    event = {"event": "SHUTDOWN", "data": {"guest": True, "reason": reason}}
    MONITOR.sendall((json.dumps(event) + "\r\n").encode())
    sys.exit(0)


def sleep_on():
    while True:
        time.sleep(60)


def finishes():
    say("[    0.000000] Linux version 6.12.0-test\r\n")
    hello()
    result("numa.nodes")
    end(1)
    sleep_on()


def runs_all():
    hello()
    for count, identity in enumerate(option("checks").split(",")):
        result(identity, "fail" if identity == option("failing") else "pass")
    end(count + 1)
    sleep_on()


def recorded(name, content, last=True):
    speak({"type": "recorded", "name": name, "data": base64.b64encode(content.encode()).decode(), "last": last})


def records():
    """Results, then a recording of `probes` and of one file in two pieces, named by `file`."""
    hello()
    count = 0
    for identity in option("checks").split(","):
        result(identity)
        count += 1
    recorded("probes.json", option("probes") or '{"ainode-recording": 1}')
    recorded(option("file") or "root/proc/cmdline", "qui", last=False)
    recorded(option("file") or "root/proc/cmdline", "et")
    end(count)
    sleep_on()


def kernel_log(data, last=True, problem=""):
    speak({"type": "kernel-log", "data": base64.b64encode(data).decode(), "last": last, "problem": problem})


def logs():
    """A kernel's log in two pieces that means harm to whoever would read it."""
    hello()
    result("numa.nodes")
    kernel_log(b"<6>[    0.000000] Linux\n\x1b]0;owned\x07", last=False)
    kernel_log(b"\xff\0\n<0>Kernel panic - not syncing: %s\n")
    end(1)
    sleep_on()


def cannot_log():
    hello()
    result("numa.nodes")
    kernel_log(b"", problem="\x1b[2Jthe agent cannot read it")
    end(1)
    sleep_on()


def logs_without_end():
    hello()
    while True:
        kernel_log(b"x" * (96 << 10), last=False)


def answers():
    """Runs `echo`, `cat`, `false` and `sleep`, and checks those of `checks`."""
    say("[    0.000000] Linux version 6.12.0-test\r\n")
    hello()
    for request in requests():
        if request["type"] == "check":
            for identity in option("checks").split(","):
                result(identity, "fail" if identity == option("failing") else "pass")
            kernel_log(b"until request %d\n" % request["seq"])
            end(len(option("checks").split(",")), request["seq"])
            continue
        program = request["argv"][0]
        if program == b"echo":
            output(b" ".join(request["argv"][1:]) + b"\n")
        if program == b"cat":
            for at in range(0, len(request["input"]), 65536):
                output(request["input"][at:at + 65536])
        if program == b"false":
            output(b"no\xff\n", "stderr")
        if program == b"sleep":
            time.sleep(request["seconds"])
        is_over = program == b"sleep"
        leave(request, 137 if is_over else int(program == b"false"), is_over)


def on_request(answer):
    hello()
    for request in requests():
        answer(request)
    sleep_on()


def answers_nothing():
    on_request(lambda request: None)


def answers_with_heartbeats_alone():
    def beat(request):
        while True:
            speak({"type": "heartbeat", "uptime": 3.5, "running": ""})
            time.sleep(0.1)
    on_request(beat)


def answers_another_request():
    on_request(lambda request: leave({"seq": request["seq"] + 1}))


def answers_twice():
    on_request(lambda request: [leave(request), leave(request)])


def answers_with_results():
    on_request(lambda request: [result("numa.nodes"), end(1, request["seq"])])


def answers_with_an_old_line():
    def replay(request):
        global sequence
        sequence -= 1
        leave(request)
    on_request(replay)


def answers_without_end():
    def pour(request):
        while True:
            output(b"x" * 65536)
    on_request(pour)


def answers_much():
    def pour(request):
        for _ in range(20):
            output(b"x" * (1 << 16), "stderr")
            for _ in range(16):
                output(b"y" * (1 << 16))
        leave(request)
    on_request(pour)


def speaks_unasked():
    hello()
    output(b"listen!")
    sleep_on()


def dies_in_a_command():
    on_request(lambda request: os.kill(os.getpid(), signal.SIGKILL))


def panics_in_a_command():
    on_request(lambda request: panics_and_resets())


def powers_off_in_a_command():
    on_request(lambda request: shut_down("guest-shutdown"))


def resets_in_a_command():
    on_request(lambda request: shut_down("guest-reset"))


def note_start():
    with open(os.path.join(option("state"), "starts"), "a") as file:
        file.write("%d\n" % os.getpid())


def wait_for_the_word():
    while not os.path.exists(os.path.join(option("state"), "word")):
        time.sleep(0.05)


def powers_off_while_idle():
    """Notes its process in `state`, and goes when a file `word` is there."""
    note_start()
    hello()
    wait_for_the_word()
    shut_down("guest-shutdown")


def resets_at_first_and_answers():
    if is_first():
        shut_down("guest-reset")
    answers()


def is_killed_at_first_and_answers():
    if is_first():
        os.kill(os.getpid(), signal.SIGKILL)
    answers()


def hangs_in_check():
    hello()
    speak({"type": "begin", "id": "numa.placement"})
    sleep_on()


def hangs_booting():
    say("\x1b]104\x07\x1b[?7h[    0.100000] Probing the disk\x1bc\r\n")
    sleep_on()


def answers_keys():
    say("node login: ")
    while CONSOLE.recv(100):
        say("\r\nnode login: ")


def babbles():
    while True:
        say("still here\r\n")
        time.sleep(0.02)


def panics_and_resets():
    say("[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    1.5] Rebooting in 10 seconds..\r\n")
    shut_down("guest-reset")


def panics_and_stays():
    say("[    1.5] Kernel panic - not syncing: \x1b[31mAttempted to kill init!\x1b[0m exitcode=0x0\r\n")
    sleep_on()


def dies_of_a_breakpoint():
    """Code as the kernel's memory holds it, by `code`."""
    say("[    1.5] Oops: int3: 0000 [#1] SMP NOPTI\r\n[    1.5] RIP: 0010:set_next_task_fair+0x609/0x780\r\n")
    say("[    1.5] Code: 0f 84 42 01 %s <1f> 44 00 00\r\n" % option("code"))
    say("[    1.5] Kernel panic - not syncing: Fatal exception in interrupt\r\n")
    shut_down("guest-reset")


def slips_at_first():
    if is_first():
        dies_of_a_breakpoint()
    runs_all()


def forges_a_panic():
    say("Kernel panic - not syncing: said by somebody in the guest\r\n")
    finishes()


def forges_a_panic_and_fails():
    say("Kernel panic - not syncing: said by somebody in the guest\r\n")
    hello()
    for identity in option("checks").split(","):
        result(identity, "fail" if identity == "numa.nodes" else "pass")
    end(len(option("checks").split(",")))
    sleep_on()


def forged_pass():
    """That a check passed which failed: by one who knows the form of a frame, and of its code `code` or nothing."""
    line = frame(verdict_on(option("failing")), option("code"))
    return line if option("code") else line[:line.rindex(',"mac"')] + "}\n"


def forges_a_pass_on_the_console():
    """Where frames with the right code would be text, too."""
    say(frame(verdict_on(option("failing"))))
    hello()
    for count, identity in enumerate(option("checks").split(",")):
        say(forged_pass())
        result(identity, "fail" if identity == option("failing") else "pass")
        say(forged_pass())
        say("PASS " + option("failing") + "\r\n")
    end(count + 1)
    sleep_on()


def forges_a_pass_on_the_port():
    """Behind the result that the agent gave."""
    hello()
    result(option("failing"), "fail")
    AGENT.sendall(forged_pass().encode())
    sleep_on()


def answers_unasked():
    hello()
    for identity in option("checks").split(",") + ["kernel.invented"]:
        result(identity)
    end(len(option("checks").split(",")) + 1)
    sleep_on()


def resets():
    say("[    0.1] booting\r\n")
    shut_down("guest-reset")


def resets_once():
    marker = os.path.join(option("state"), "booted")
    if not os.path.exists(marker):
        open(marker, "w").close()
        hello()
        result("numa.nodes", "fail")
        shut_down("guest-reset")
    finishes()


def resets_at_first():
    if is_first():
        say("[    5.0] labelled all files\r\n")
        shut_down("guest-reset")
    runs_all()


def powers_off():
    hello()
    speak({"type": "begin", "id": "mem.size"})
    shut_down("guest-shutdown")


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def is_first():
    """Whether nobody asked before: `state` keeps that."""
    marker = os.path.join(option("state"), "started")
    if os.path.exists(marker):
        return False
    open(marker, "w").close()
    return True


def is_killed_at_first():
    if is_first():
        os.kill(os.getpid(), signal.SIGKILL)
    runs_all()


def is_killed_at():
    """Whichever start of all is number `start`."""
    note_start()
    with open(os.path.join(option("state"), "starts")) as file:
        number = len(file.readlines())
    if number == int(option("start")):
        os.kill(os.getpid(), signal.SIGKILL)
    runs_all()


def fills_the_disk():
    hello()
    data = {"device": "system", "operation": "write", "action": "stop", "nospace": True, "reason": "No space left on device"}
    MONITOR.sendall((json.dumps({"event": "BLOCK_IO_ERROR", "data": data}) + "\r\n").encode())
    sleep_on()


def gets_no_memory():
    sys.exit("qemu: cannot set up guest memory 'm0': Cannot allocate memory")


def spins():
    hello()
    speak({"type": "begin", "id": "numa.placement"})
    while True:
        pass


def speaks_without_end():
    hello()
    while True:
        AGENT.sendall(b"x" * 65536)


def replays():
    global sequence
    hello()
    result("numa.nodes")
    sequence = 1
    result("numa.nodes")
    sleep_on()


def waits_for_a_word():
    """Notes each start in `state`, and goes on when a file `word` is there."""
    note_start()
    wait_for_the_word()
    runs_all()


def refuses_arguments():
    device = option("device") or "nonsense"
    sys.exit(f"qemu: -device {device}: '{device}' is not a valid device model name")


def aborts():
    """As QEMU does where a machine that it cannot make meets an assertion."""
    sys.stderr.write("qemu: hw/numa.c:1: numa_init: Assertion `nodes > 0' failed.\n")
    sys.stderr.flush()
    os.abort()


def aborts_later():
    say("[    0.1] booting\r\n")
    aborts()


def gives_up_later():
    say("[    0.1] booting\r\n")
    sys.exit("qemu: cannot write to the disk")


def lies():
    hello()
    speak({"type": "begin", "id": "numa.nodes"}, nonce="not the nonce")
    sleep_on()


def shouts():
    """A line of 1 GiB on the console."""
    piece = b"x" * (1 << 20)
    for _ in range(1024):
        CONSOLE.sendall(piece)
    finishes()


def leaves_a_child():
    child = subprocess.Popen(["sleep", "1000"])
    with open(os.path.join(option("state"), "pids"), "w") as file:
        file.write("%d %d\n" % (os.getpid(), child.pid))
    finishes()


def announces_itself_and_hangs():
    path = os.path.join(option("state"), "pids")
    with open(path + ".new", "w") as file:
        file.write("%d\n" % os.getpid())
    os.rename(path + ".new", path)
    sleep_on()


globals()[sys.argv[1]]()
