"""A program of the kind Python runs all day: parsing, records, dictionaries, text, threads.

Usage: workload.py [SCALE]. What it prints depends on SCALE only; its peak is about 120 MiB at 1.
"""

import collections
import concurrent.futures
import ctypes
import decimal
import gc
import hashlib
import heapq
import io
import itertools
import json
import pickle
import re
import sqlite3
import sys
import xml.etree.ElementTree as ElementTree
import zlib


def pseudo_random(seed: int):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def records(count: int) -> list[dict]:
    random = pseudo_random(1)
    return [{"id": i, "name": f"name-{next(random) % 5000}", "tags": [f"t{next(random) % 50}"] * 3,
             "score": next(random) % 100000 / 7, "nested": {"a": [i, i + 1], "b": None}}
            for i in range(count)]


def json_and_pickle(scale: int) -> str:
    rows = records(30000 * scale)
    text = json.dumps(rows, indent=1, sort_keys=True)
    back = json.loads(text)
    assert back == rows
    copy = pickle.loads(pickle.dumps(back, protocol=5))
    assert copy == rows
    return f"{len(text)} {digest(copy[::1000])}"


def churn(scale: int) -> str:
    random = pseudo_random(2)
    live: dict[int, object] = {}
    for step in range(300000 * scale):
        key = next(random) % 20000
        kind = step % 5
        if kind == 0:
            live[key] = "x" * (next(random) % 600)
        elif kind == 1:
            live[key] = [step] * (next(random) % 90)
        elif kind == 2:
            live[key] = bytearray(next(random) % 4000)
        elif kind == 3:
            live[key] = (step, str(step), {step: key})
        else:
            live.pop(key, None)
    sizes = collections.Counter(type(value).__name__ for value in live.values())
    return f"{sorted(sizes.items())} {sum(len(v) for v in live.values())}"


def text_and_regex(scale: int) -> str:
    words = [f"w{n % 3001:x}" for n in itertools.islice(pseudo_random(3), 150000 * scale)]
    text = " ".join(words)
    counts = collections.Counter(re.findall(r"\bw([0-9a-f]*?)([a-f])\b", text))
    replaced = re.sub(r"w(\w)(\w+)", lambda m: m[2] + m[1], text)
    return f"{len(replaced)} {digest(counts.most_common(50))} {digest(replaced)}"


def graph(scale: int) -> str:
    random = pseudo_random(4)
    nodes = 20000 * scale
    edges = collections.defaultdict(list)
    for _ in range(nodes * 4):
        edges[next(random) % nodes].append((next(random) % nodes, 1 + next(random) % 100))
    distance = {0: 0}
    queue = [(0, 0)]
    while queue:
        so_far, node = heapq.heappop(queue)
        if so_far > distance[node]:
            continue
        for target, weight in edges[node]:
            if so_far + weight < distance.get(target, 1 << 60):
                distance[target] = so_far + weight
                heapq.heappush(queue, (so_far + weight, target))
    return f"{len(distance)} {sum(distance.values())}"


def cycles(scale: int) -> str:
    class Node:
        def __init__(self, number):
            self.number, self.other, self.payload = number, None, [number] * 10

    gc.disable()
    for i in range(100000 * scale):
        left, right = Node(i), Node(-i)
        left.other, right.other = right, left
    collected = gc.collect()
    gc.enable()
    return f"{collected > 0}"


def database(scale: int) -> str:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table item(id integer primary key, name text, score real)")
        connection.executemany("insert into item values(:id, :name, :score)",
                               records(20000 * scale))
        connection.execute("create index by_name on item(name)")
        rows = connection.execute("select name, count(*), round(avg(score), 6) from item "
                                  "group by name order by name").fetchall()
    return f"{len(rows)} {digest(rows)}"


def compressed(scale: int) -> str:
    block = b"".join(n.to_bytes(4, "little")[:3] * 5
                     for n in itertools.islice(pseudo_random(5), 100000))
    def one(level: int) -> tuple[int, int]:
        packed = zlib.compress(block[level:], level)
        assert zlib.decompress(packed) == block[level:]
        return len(packed), zlib.crc32(packed)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return digest(list(pool.map(one, [1, 3, 5, 7, 9] * scale)))


def trees(scale: int) -> str:
    root = ElementTree.Element("root")
    for row in records(10000 * scale):
        item = ElementTree.SubElement(root, "item", id=str(row["id"]), name=row["name"])
        item.text = "text & <more> " * 3
    text = ElementTree.tostring(root)
    parsed = ElementTree.parse(io.BytesIO(text)).getroot()
    return f"{len(text)} {digest(sorted({item.get('name') for item in parsed})[:100])}"


def numbers(scale: int) -> str:
    decimal.getcontext().prec = 400
    root = decimal.Decimal(2).sqrt()
    power = pow(3, 60000 * scale)
    return f"{digest(str(root))} {power % 1000000007} {power.bit_length()}"


def foreign(scale: int) -> str:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.realloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    total = 0
    for size in range(1, 2000 * scale):
        block = libc.malloc(size)
        ctypes.memset(block, size % 251, size)
        block = libc.realloc(block, size * 2)
        total += sum(ctypes.string_at(block, min(size, 64)))
        libc.free(block)
    return str(total)


def main() -> int:
    scale = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for part in (json_and_pickle, churn, text_and_regex, graph, cycles, database, compressed,
                 trees, numbers, foreign):
        print(f"{part.__name__:16} {part(scale)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
