"""Inputs of the real programs: made here, the same every time."""

import os
import subprocess

from hakbench.cases import BASE_ENVIRONMENT

PYTHON = '''
import json, sys
for turn in range(6 * int(sys.argv[1])):
    rows = [{"id": i, "name": "name-%d" % (i * 7919 % 1000), "tags": [str(i + k) for k in range(5)],
             "value": i * 1.5} for i in range(4000)]
    text = json.dumps(rows)
    back = json.loads(text)
    groups = {}
    for row in back:
        groups.setdefault(row["name"], []).append(row["value"])
    words = " ".join(sorted(groups)).split()
    total = sum(len(word) for word in words) + sum(map(len, groups.values()))
print(total)
'''

PERL = '''
my $turns = 3 * $ARGV[0];
for my $turn (1 .. $turns) {
  my (%count, @lines);
  for my $i (1 .. 40000) {
    my $word = "w" . ($i * 7919 % 5000);
    $count{$word}++;
    push @lines, join(",", $word, $i, $i * 2) if $i % 3 == 0;
  }
  my @sorted = sort { $count{$a} <=> $count{$b} || $a cmp $b } keys %count;
  my %fields = map { my @part = split /,/; $part[1] => { word => $part[0], twice => $part[2] } }
               @lines;
  print scalar(@sorted), " ", scalar(keys %fields), "\\n";
}
'''

NODE = '''
const turns = 4 * Number(process.argv[2]);
let total = 0;
for (let turn = 0; turn < turns; ++turn) {
  const map = new Map();
  for (let i = 0; i < 20000; ++i)
    map.set("key" + (i * 7919 % 10007), {i, text: "v".repeat(i % 50)});
  total += JSON.parse(JSON.stringify([...map.entries()])).length;
  const buffers = [];
  for (let i = 0; i < 4000; ++i) buffers.push(Buffer.alloc(5000 + i % 9000, i & 255));
  total += Buffer.concat(buffers.slice(0, 200)).length;
}
console.log(total);
'''

HEAVY = '''
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Record {
  std::map<std::string, std::vector<std::variant<int, double, std::string>>> fields;
  std::unordered_map<int, std::function<int(int)>> calls;
  int work() {
    calls[N] = [this](int x) { return x + static_cast<int>(fields.size()); };
    std::vector<std::string> names;
    for (auto& [name, values] : fields) {
      if (name.size() == N) names.push_back(name);
      std::sort(values.begin(), values.end());
    }
    return calls[N](static_cast<int>(names.size()));
  }
};
'''


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def python(folder):
    write(folder, "work.py", PYTHON)


def perl(folder):
    write(folder, "work.pl", PERL)


def node(folder):
    write(folder, "work.js", NODE)


def preprocessed(folder, quick):
    """A file that keeps cc1plus busy for a second or more, preprocessed."""
    uses = "".join(f"int use{n}() {{ return Record<{n}>().work(); }}\n"
                   for n in range(1 if quick else 4))
    more = "" if quick else "#include <regex>\nstd::regex pattern(\"a+(b|c)*\");\n"
    write(folder, "heavy.cc", HEAVY + uses + more)
    subprocess.run(["g++", "-std=c++20", "-E", "-P", "heavy.cc", "-o", "heavy.ii"], cwd=folder,
                   env=BASE_ENVIRONMENT, check=True)


def sql(folder, scale):
    """Goes to sqlite3's standard input."""
    rows = 30000 * scale
    write(folder, "stdin", f"""
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, owner INT, note TEXT);
CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
  INSERT INTO item SELECT i, 'item ' || (i * 7919 % 10007), i % 500, hex(zeroblob(i % 40)) FROM n;
INSERT INTO owner SELECT DISTINCT owner, 'owner ' || owner FROM item;
CREATE INDEX by_name ON item(name);
SELECT owner.name, count(*), group_concat(substr(item.name, 1, 8)) FROM item
  JOIN owner ON owner.id = item.owner GROUP BY owner.id ORDER BY 2 DESC, 1;
UPDATE item SET note = note || name WHERE id % 3 = 0;
SELECT count(*) FROM item AS a JOIN item AS b ON a.name = b.name;
DELETE FROM item WHERE owner % 2 = 0;
SELECT sum(length(note)) FROM item;
""")


def git_history(folder, commits):
    """A repository with one branch, made by fast-import: quick, and the same every time."""
    lines = []
    for commit in range(commits):
        lines += ["commit refs/heads/main", f"committer A <a@b> {1000000000 + commit} +0000",
                  "data 8", f"step{commit:4d}"]
        for number in range(12):
            text = "".join(f"line {n} of {number} at {(commit + n) % (n + 2)}\n"
                           for n in range(120))
            lines += [f"M 100644 inline file{(commit + number) % 30}.txt", f"data {len(text)}",
                      text]
    stream = "\n".join(lines) + "\n"
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, env=BASE_ENVIRONMENT,
                   check=True)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, env=BASE_ENVIRONMENT,
                   input=stream, text=True, check=True)
