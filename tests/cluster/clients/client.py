#!/usr/bin/python3
"""redis-py at work on a node that lives and on one that dies. See README.md.

usage: client.py LIVING_PORT DYING_PORT"""
import json
import sys
import threading
import time

import redis

PIPELINE = 20


class Report:
    def __init__(self):
        self.counter = self.transactions = self.published = 0
        self.received = []
        self.dying = self.unanswered = 0
        self.errors = []

    def check(self, fact, text):
        if not fact:
            self.errors.append(text)


def listen(client, report, stop):
    with client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        subscriber.get_message(timeout=5)
        stop["subscribed"].set()
        while not stop["heard"].is_set():
            message = subscriber.get_message(timeout=0.1)
            if message is not None:
                report.received.append(int(message["data"]))


def count_on_dying(port, report, stop):
    client = redis.Redis(host="127.0.0.1", port=port, socket_timeout=20)
    while not stop["work"].is_set():
        try:
            client.incr("dying:python")
            report.dying += 1
        except redis.exceptions.ResponseError as error:  # it says itself that it did nothing
            if not str(error).startswith(("CLUSTERDOWN", "LOADING")):
                report.unanswered += 1
            time.sleep(0.01)
        except redis.exceptions.RedisError as error:
            if "connecting to" not in str(error):  # then nothing was sent
                report.unanswered += 1
            time.sleep(0.01)


def work_once(client, report):
    pipeline = client.pipeline(transaction=False)
    for _ in range(PIPELINE):
        pipeline.incr("counter:python")
    replies = pipeline.execute()
    report.check(replies == list(range(report.counter + 1, report.counter + PIPELINE + 1)),
                 f"a pipeline after {report.counter} counted {replies}")
    report.counter += PIPELINE

    transaction = client.pipeline(transaction=True)
    transaction.incr("transactions:python")
    transaction.rpush("queue:python", report.transactions)
    transaction.hset("map:python", f"field{report.transactions}", report.transactions)
    replies = transaction.execute()
    report.transactions += 1
    report.check(replies == [report.transactions, report.transactions, 1],
                 f"transaction {report.transactions} answered {replies}")

    client.set("record:python", report.counter)
    got = client.get("record:python")
    report.check(int(got) == report.counter, f"read {got} after writing {report.counter}")

    receivers = client.publish("news", report.published)
    report.check(receivers == 1, f"{receivers} receivers of message {report.published}")
    report.published += 1


def main(living, dying):
    report = Report()
    stop = {name: threading.Event() for name in ("subscribed", "work", "heard")}
    client = redis.Redis(host="127.0.0.1", port=living, socket_timeout=20, decode_responses=True)
    threads = [threading.Thread(target=listen, args=(client, report, stop)),
               threading.Thread(target=count_on_dying, args=(dying, report, stop))]
    for thread in threads:
        thread.start()
    stop["subscribed"].wait()
    end = threading.Thread(target=lambda: (sys.stdin.read(), stop["work"].set()))
    end.start()
    try:
        while not stop["work"].is_set():
            work_once(client, report)
            print("progress", flush=True)
    except redis.exceptions.RedisError as error:
        report.errors.append(f"{type(error).__name__}: {error}")
        stop["work"].set()
    deadline = time.monotonic() + 10
    while len(report.received) < report.published and time.monotonic() < deadline:
        time.sleep(0.01)
    stop["heard"].set()
    for thread in threads:
        thread.join()
    report.check(report.received == list(range(report.published)), "messages got lost or mixed up")
    report.received = len(report.received)
    print(json.dumps(vars(report)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
