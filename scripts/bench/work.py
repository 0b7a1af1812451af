"""Work in the background next to people who wait: a burst of arrivals, and what each further process adds.

    work.py PROGRAM [burst] [replicas]

Everything runs on loopback, on databases of its own: SQLite files, and a throw-away PostgreSQL cluster with Redis beside it.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ARRIVALS = int(os.environ.get("ARRIVALS", "10000"))
CLIENTS = 4
PORT = 18080
REDIS_PORT = 18086
SENTENCES = [
    "The parcel left the warehouse in Leipzig on Monday.",
    "It was seen in Hanover on Tuesday, with a torn label.",
    "Nobody has seen it since, and the customer in Bremen has written twice.",
    "The carrier promises an answer by Friday.",
    "I was charged twice this month, please refund one payment.",
]


def text(number):
    return f"Ticket {number}. " + " ".join(SENTENCES[(number + place) % 5] for place in range(4))


class Client:
    def __init__(self, port, key):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]}")
        return json.loads(content) if content else None


class Processes:
    """Everything that was started; it ends with the `with` block."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.folder = tempfile.mkdtemp(prefix="synoptic-work-")
        os.chmod(self.folder, 0o755)
        self.children = []
        self.postgres = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(self.children)
        if self.postgres:
            self.as_server(f"{self.programs}/pg_ctl -D {self.postgres}/data -m immediate stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, children):
        for child in children:
            child.terminate()
        for child in list(children):
            child.wait(60)
            if child in self.children:
                self.children.remove(child)

    def as_server(self, command):
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*user, "sh", "-c", command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cluster(self):
        """The address of a new PostgreSQL server with its default durability."""
        newest = max(os.listdir("/usr/lib/postgresql"), key=float)
        self.programs = os.path.join("/usr/lib/postgresql", newest, "bin")
        self.postgres = tempfile.mkdtemp(prefix="syn-pg-")
        if os.getuid() == 0:
            shutil.chown(self.postgres, "postgres")
        self.as_server(
            f"cd {self.postgres} && {self.programs}/initdb -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 && "
            f"{self.programs}/pg_ctl -D data -w -l log -o \"-c listen_addresses='' -c unix_socket_directories={self.postgres}\" start"
        )

    def database(self, name):
        self.as_server(f"{self.programs}/createdb -h {self.postgres} -U postgres {name}")
        return f"postgres://postgres@localhost/{name}?host={self.postgres}"

    def redis(self):
        child = subprocess.Popen(
            ["redis-server", "--port", str(REDIS_PORT), "--save", "", "--dir", self.folder], stdout=subprocess.DEVNULL
        )
        self.children.append(child)
        return f"redis://127.0.0.1:{REDIS_PORT}"

    def serve(self, name, role, port, settings):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "synoptic.toml"), "w") as config:
            config.write("[limits]\nprincipal_per_second = 0\naddress_per_second = 0\n" + settings)
        out = open(os.path.join(folder, "out.txt"), "w+")
        child = subprocess.Popen(
            [self.program, "--log", "error", "serve", "--bind", f"127.0.0.1:{port}", "--role", role],
            cwd=folder, stdout=out, stderr=subprocess.STDOUT,
        )
        self.children.append(child)
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(open(out.name).read())
        found = re.search(r"syn_[A-Za-z0-9_-]+", open(out.name).read())
        return child, found and found.group()


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def interactive(ports, key, until):
    """Summaries of new texts by several clients until `until(answered)`; the time of each in seconds."""
    times, lock, begin = [], threading.Lock(), time.perf_counter()

    def one(client_number):
        client, number = Client(ports[client_number % len(ports)], key), 0
        while not until(len(times)):
            number += 1
            body = {"text": text(int(begin * 1000) + client_number * 1_000_000 + number), "sentences": 1}
            began = time.perf_counter()
            client.ask("POST", "/api/summarize", body)
            with lock:
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, time.perf_counter() - begin


def arrive(client):
    """Stores the documents, which are then to be analysed."""
    rule = {"name": "short", "summary": {"sentences": 1}, "engine": "embedded"}
    client.ask("POST", "/api/collections", {"name": "Burst", "automation": [rule]})
    for first in range(0, ARRIVALS, 1000):
        documents = [{"external_id": str(number), "text": text(number)} for number in range(first, min(first + 1000, ARRIVALS))]
        client.ask("POST", "/api/collections/burst/batch", {"documents": documents})


def is_done(client):
    document = client.ask("GET", f"/api/collections/burst/documents/{ARRIVALS - 1}")
    return document["automation"][0]["status"] == "done"


def until_done(client):
    while not is_done(client):
        time.sleep(0.05)


def burst(processes):
    print(f"{ARRIVALS} arrivals with a summary each, one process, {CLIENTS} people who ask for summaries without a pause")
    processes.cluster()
    for name, url in [("SQLite", f"sqlite:{processes.folder}/burst.db"), ("PostgreSQL", processes.database("burst"))]:
        server, key = processes.serve(name, "all", PORT, f'[database]\nurl = "{url}"\n')
        client = Client(PORT, key)
        interactive([PORT], key, lambda answered: answered >= 500)
        idle, took_idle = interactive([PORT], key, lambda answered: answered >= 4000)
        over = threading.Event()
        began = time.perf_counter()

        def storing():
            arrive(client)
            print(f"{name}: stored in {time.perf_counter() - began:.1f} s", flush=True)
            until_done(client)
            over.set()

        thread = threading.Thread(target=storing)
        thread.start()
        during, took = interactive([PORT], key, lambda _: over.is_set())
        thread.join()
        print(
            f"{name}: alone {len(idle) / took_idle:.0f} answers/s, p50 {percentile(idle, 0.5):.1f} ms, p99 {percentile(idle, 0.99):.1f} ms; "
            f"beside the burst {len(during) / took:.0f} answers/s, p50 {percentile(during, 0.5):.1f} ms, p99 {percentile(during, 0.99):.1f} ms, "
            f"longest {max(during) * 1000:.0f} ms; all analysed after {took:.1f} s, {ARRIVALS / took:.0f}/s"
        )
        processes.stop([server])


def replicas(processes):
    print(f"PostgreSQL and Redis: {ARRIVALS} analyses by the workers, then summaries asked of the servers, {os.cpu_count()} cores")
    if not processes.postgres:
        processes.cluster()
    redis = processes.redis()
    for apis, workers in [(1, 0), (1, 1), (1, 2), (2, 2)]:
        name = f"with_{apis}_{workers}"
        settings = f'[database]\nurl = "{processes.database(name)}"\n[cache]\nredis_url = "{redis}"\n'
        role = "api" if workers else "all"
        ports = [PORT + number for number in range(apis)]
        # The first process alone takes what arrives, so that all workers begin at the same time.
        first, key = processes.serve(f"{name}_0", "api", PORT, settings)
        arrive(Client(PORT, key))
        if not workers:
            processes.stop([first])
        begun = time.perf_counter()
        children = [first] if workers else []
        if not workers:
            children.append(processes.serve(f"{name}_all", role, PORT, settings)[0])
        for number in range(workers):
            children.append(processes.serve(f"{name}_worker_{number}", "worker", PORT + 10 + number, settings)[0])
        for number in range(1, apis):
            children.append(processes.serve(f"{name}_{number}", role, ports[number], settings)[0])
        until_done(Client(PORT, key))
        took = time.perf_counter() - begun
        answers, seconds = interactive(ports, key, lambda answered: answered >= 4000)
        print(
            f"{apis} {role}, {workers} worker: {ARRIVALS / took:.0f} analyses/s; {len(answers) / seconds:.0f} answers/s, "
            f"p99 {percentile(answers, 0.99):.1f} ms",
            flush=True,
        )
        processes.stop(children)


if __name__ == "__main__":
    program, *parts = sys.argv[1:]
    with Processes(program) as processes:
        for part in parts or ["burst", "replicas"]:
            {"burst": burst, "replicas": replicas}[part](processes)
