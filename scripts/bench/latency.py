"""How long GETs of a document take, at 200 a second, while so many sign-ins a second run beside them.

    latency.py DOCUMENT_URL API_KEY SIGN_INS_A_SECOND [SECONDS]

Requests start at fixed times, whether or not earlier ones have been answered, so that waiting is not hidden (no coordinated
omission). Each sign-in comes from another address (`X-Forwarded-For`; the server must trust 127.0.0.1 as a proxy).
"""

import http.client
import json
import queue
import sys
import threading
import time
import urllib.parse

GETS_A_SECOND = 200
CREDENTIALS = {"email": "viewer@example.com", "password": "only looking at tickets today"}


def run(worker_count, per_second, seconds, send):
    """Sends at fixed times from a pool of connections; the latencies from the planned start, and the statuses."""
    jobs, results = queue.Queue(), []

    def work():
        connection = None
        while (job := jobs.get()) is not None:
            planned, number = job
            for attempt in range(2):
                try:
                    connection = connection or http.client.HTTPConnection(host, timeout=60)
                    status = send(connection, number)
                    break
                except (http.client.HTTPException, OSError):
                    connection, status = None, 0
            results.append((time.monotonic() - planned, status))

    workers = [threading.Thread(target=work) for _ in range(worker_count)]
    for worker in workers:
        worker.start()
    began = time.monotonic()
    for number in range(int(per_second * seconds)):
        planned = began + number / per_second
        time.sleep(max(0.0, planned - time.monotonic()))
        jobs.put((planned, number))
    for _ in workers:
        jobs.put(None)
    for worker in workers:
        worker.join()
    return results


def get(connection, _number):
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def sign_in(connection, number):
    address = f"198.18.{number // 250 % 250}.{number % 250 + 1}"
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    connection.request("POST", "/api/auth/login", json.dumps(CREDENTIALS), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def report(name, results):
    times = sorted(latency * 1000 for latency, _ in results)
    statuses = {}
    for _, status in results:
        statuses[status] = statuses.get(status, 0) + 1
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    print(f"  {name}: p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, worst {times[-1]:.1f} ms, statuses {statuses}")


url, key, sign_ins = sys.argv[1], sys.argv[2], float(sys.argv[3])
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 10
parsed = urllib.parse.urlsplit(url)
host, path = parsed.netloc, parsed.path
beside = []
if sign_ins:
    beside_thread = threading.Thread(target=lambda: beside.extend(run(64, sign_ins, seconds, sign_in)))
    beside_thread.start()
gets = run(16, GETS_A_SECOND, seconds, get)
print(f"{sign_ins:.0f} sign-ins a second beside {GETS_A_SECOND} GETs a second for {seconds:.0f} s")
report("GET", gets)
if sign_ins:
    beside_thread.join()
    report("sign-in", beside)
