# SPDX-License-Identifier: MIT
"""Who uses Shunt: writers, who shorten, and readers, who follow; two readers to each writer.

Each user keeps to a constant throughput whatever the answers take, as long as they take less than a request's turn. No redirect is
followed: what is measured is Shunt, not where its links lead. What a run is about is told in options that the web page shows
as well; profiles (load.py) only set them.
"""
import http.client
import pathlib
import random

import gevent
from locust import FastHttpUser, constant_throughput, events, task
from locust.runners import MasterRunner

import seed

READ_ON_S = 2.0  # how soon readers hear of what other processes made
HOME = pathlib.Path(__file__).resolve().parents[1]


class Shared:
    """What all users of this process share, fresh for each run."""

    codes = None


@events.init_command_line_parser.add_listener
def add_options(parser):
    options = parser.add_argument_group("Shunt")
    options.add_argument("--readers-rate", type=float, default=1.0, help="Requests a second of each reader")
    options.add_argument("--writers-rate", type=float, default=0.2, help="Requests a second of each writer")
    options.add_argument("--spread", default="zipf", choices=["zipf", "even", "celebrity"],
                         help="Which links are followed: few often and many rarely, all alike, or nine in ten times the same one")
    options.add_argument("--exponent", type=float, default=1.0, help="Of Zipf's law")
    options.add_argument("--seed-codes", type=int, default=1000, help="Links that exist before the first is followed")
    options.add_argument("--codes-file", default="", help="The file of codes that processes share")


@events.test_start.add_listener
def begin(environment, **_):
    if isinstance(environment.runner, MasterRunner):
        return
    options = environment.parsed_options
    path = options.codes_file or seed.default_path(HOME, environment.host)
    try:
        seed.ensure(path, environment.host, max(1, options.seed_codes))
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        print(f"load: cannot make the first links at {environment.host}: {error}", flush=True)
        environment.process_exit_code = 1
        environment.runner.quit()
        return
    Shared.codes = seed.Codes(path, 0.0 if options.spread == "even" else options.exponent)
    Shared.codes.read_on()
    Reader.wait_time = constant_throughput(options.readers_rate)
    Writer.wait_time = constant_throughput(options.writers_rate)
    Reader.celebrity_share = 0.9 if options.spread == "celebrity" else 0.0
    gevent.spawn(read_on, Shared.codes)


def read_on(codes):
    """As long as this run lasts."""
    while Shared.codes is codes:
        codes.read_on()
        gevent.sleep(READ_ON_S)


@events.user_error.add_listener
def stumble(user_instance, **_):
    """A user that stumbles over an answer has not been served, whatever the status was."""
    user_instance.environment.process_exit_code = 1


@events.test_stop.add_listener
def end(**_):
    Shared.codes = None


class Reader(FastHttpUser):
    weight = 2
    celebrity_share = 0.0

    @task
    def follow(self):
        codes = Shared.codes
        if codes is None:
            return
        code = codes.codes[0] if random.random() < self.celebrity_share else codes.choose()
        with self.client.get("/" + code, name="GET /{code}", allow_redirects=False, catch_response=True) as answer:
            if answer.status_code != 307:
                answer.failure(f"{answer.status_code} instead of 307")
            elif not answer.headers.get("location"):
                answer.failure("no Location")
            else:
                answer.success()


class Writer(FastHttpUser):
    weight = 1

    @task
    def shorten(self):
        url = seed.target(random.getrandbits(48))
        with self.client.post("/api/shorten", json={"url": url}, name="POST /api/shorten", catch_response=True) as answer:
            made = answer.json() if answer.status_code == 201 else None
            if made is None:
                answer.failure(f"{answer.status_code} instead of 201")
            elif made["original_url"] != url:
                answer.failure("another URL came back")
            else:
                answer.success()
                if Shared.codes is not None:
                    Shared.codes.append(made["short_code"])
