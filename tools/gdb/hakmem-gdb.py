"""gdb commands for programs on hakmem, live or from a core: `hakmem heap`, `hakmem addr P`,
`hakmem threads`, and printers for its structures.

gdb loads this file by itself with an installed library; else `source tools/gdb/hakmem-gdb.py`. All that
is read goes through the exported object hakmem_layout (src/abi/published.h), so stripped libraries
serve too; only the printers need debug information.
"""

import struct

import gdb
import gdb.printing

WORDS = ("build_info base reserved_bytes seed state spans span_of frontier_at caches_at strides records "
         "records_committed_at frames process_state bytes").split()
OFFSETS = ("unit_bytes granule_bytes class_count debug span_bytes span_kind span_class span_header "
           "span_dirty span_units span_carved span_free span_slots span_stride span_start span_requested "
           "span_block span_owner cache_pairs cache_pair_bytes cache_pair_free cache_id "
           "cache_thread cache_counters cache_next cache_in_use magazine_bytes record_bytes "
           "record_requested record_alloc_stack record_free_stack record_alloc_thread record_free_thread "
           "record_live").split()
LAYOUT = f"<8s{len(WORDS)}Q{len(OFFSETS)}I"
FREE, SLAB, LARGE = 1, 2, 3
STATES = {0x00: "free", 0x40: "freed by another thread", 0x80: "live", 0xC0: "never handed out"}
LARGE_LIVE, LARGE_FREED = 0x01, 0x41
KEY_MASK, STATE_MASK, LOWEST_KEY = 0x3F, 0xC0, 2
WORD_BYTES = 8


def read(address, count):
    return bytes(gdb.selected_inferior().read_memory(address, count))


def number(address, count=WORD_BYTES):
    return int.from_bytes(read(address, count), "little")


class Span:
    def __init__(self, heap, unit):
        self.unit = unit
        data = read(heap.spans + unit * heap.span_bytes, heap.span_bytes)
        for name, size in (("kind", 1), ("class", 1), ("header", 1), ("dirty", 1), ("units", 4), ("carved", 4),
                           ("free", 4), ("slots", 4), ("stride", 4), ("start", 8), ("requested", 8),
                           ("block", 8), ("owner", 8)):
            at = getattr(heap, "span_" + name)
            setattr(self, "size_class" if name == "class" else name, int.from_bytes(data[at:at + size], "little"))


class Heap:
    """The heap of the program under gdb; every attribute of hakmem_layout is one of its own."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long) &hakmem_layout"))
            values = struct.unpack(LAYOUT, read(at, struct.calcsize(LAYOUT)))
        except (gdb.error, gdb.MemoryError) as error:
            raise gdb.GdbError(f"no hakmem in this program: {error}")
        for name, value in zip(WORDS + OFFSETS, values[1:]):
            setattr(self, name, value)
        if self.process_state == 0:
            raise gdb.GdbError("hakmem has not been used yet")
        if values[0] != b"hakmap1\0" or self.bytes != struct.calcsize(LAYOUT):
            raise gdb.GdbError("this hakmem is another version than the gdb script")
        if self.process_state == 2:
            raise gdb.GdbError("every call goes to libc (HAKMEM_FORCE_LIBC)")
        self.frontier = number(self.frontier_at, 4)
        table = read(self.strides, 4 * self.class_count)
        self.sizes = struct.unpack(f"<{self.class_count}I", table)

    def each_span(self):
        unit = 0
        while unit < self.frontier:
            span = Span(self, unit)
            if span.units == 0:
                return
            yield span
            unit += span.units

    def state_at(self, address):
        return number(self.state + (address - self.base) // self.granule_bytes, 1)

    def states_of(self, span):
        granules = self.unit_bytes // self.granule_bytes
        return read(self.state + span.unit * granules, span.units * granules)

    def span_of_address(self, address):
        unit = (address - self.base) // self.unit_bytes
        if not 0 <= unit < self.frontier:
            return None
        return Span(self, number(self.span_of + 4 * unit, 4))

    def each_cache(self):
        at = number(self.caches_at)
        while at:
            yield at
            at = number(at + self.cache_next)

    def record_of(self, address):
        """Requested size, stacks and threads of a block, where they are kept."""
        index = (address - self.base) // self.granule_bytes
        if not self.records or index >= number(self.records_committed_at):
            return None
        at = self.records + index * self.record_bytes
        return {name: number(at + getattr(self, "record_" + name), 1 if name == "live" else 4)
                for name in ("requested", "alloc_stack", "free_stack", "alloc_thread", "free_thread", "live")}

    def withheld_at(self, block):
        """Freed and in quarantine: its state is live still, its record says that it was freed."""
        record = self.record_of(block)
        return bool(record and not record["live"] and record["free_thread"])

    def withheld_in(self, span, states):
        """How many of a slab's slots are."""
        if not self.records:
            return 0
        granules = self.unit_bytes // self.granule_bytes
        first = span.unit * granules
        return sum(1 for index, state in enumerate(states) if state & STATE_MASK == 0x80
                   and self.withheld_at(self.base + (first + index) * self.granule_bytes))

    def stack(self, number_of_stack):
        if not self.frames or not number_of_stack:
            return []
        at = self.frames + WORD_BYTES * number_of_stack
        return [number(at + WORD_BYTES * (i + 1)) for i in range(number(at))]


def place_of(address):
    """Function and line of a return address."""
    try:
        block = gdb.block_for_pc(address - 1)
        while block and not block.function:
            block = block.superblock
        name = block.function.print_name if block else None
        line = gdb.find_pc_line(address - 1)
        where = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
    except RuntimeError:
        name, where = None, ""
    if not name:
        text = gdb.execute(f"info symbol {address - 1}", to_string=True).split(" in section")[0]
        name = text.strip() if not text.startswith("No symbol") else "?"
    return f"{address:#x} {name}{where}"


class HakmemPrefix(gdb.Command):
    """Looks at the hakmem heap of the program."""

    def __init__(self):
        super().__init__("hakmem", gdb.COMMAND_DATA, gdb.COMPLETE_COMMAND, prefix=True)


class HakmemHeap(gdb.Command):
    """hakmem heap: the classes, large blocks and free spans."""

    def __init__(self):
        super().__init__("hakmem heap", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        heap = Heap()
        print(gdb.Value(heap.build_info).cast(gdb.lookup_type("char").pointer()).string())
        print(f"base {heap.base:#x}, {heap.frontier * heap.unit_bytes} bytes in use of {heap.reserved_bytes}")
        classes, large, free = {}, [0, 0], 0
        for span in heap.each_span():
            if span.kind == SLAB:
                row = classes.setdefault(span.size_class, [0, 0, 0, 0, 0])
                states = heap.states_of(span)
                withheld = heap.withheld_in(span, states)
                live = sum(1 for state in states if state & STATE_MASK == 0x80) - withheld
                remote = sum(1 for state in states if state & STATE_MASK == 0x40 and state & KEY_MASK >= LOWEST_KEY)
                for i, value in enumerate((1, span.slots, live, remote, withheld)):
                    row[i] += value
            elif span.kind == LARGE and heap.state_at(span.start) == LARGE_LIVE:
                large[0] += 1
                large[1] += span.block
            elif span.kind == FREE:
                free += span.units * heap.unit_bytes
        print(f"{'usable':>8}{'slabs':>8}{'slots':>10}{'live':>10}{'remote':>9}{'withheld':>10}")
        for size_class, (slabs, slots, live, remote, withheld) in sorted(classes.items()):
            print(f"{heap.sizes[size_class] - 1:>8}{slabs:>8}{slots:>10}{live:>10}{remote:>9}{withheld:>10}")
        print(f"large: {large[0]} live, {large[1]} bytes; free spans: {free} bytes")


class HakmemAddr(gdb.Command):
    """hakmem addr EXPRESSION: what the address is, and where it was allocated if that is recorded."""

    def __init__(self):
        super().__init__("hakmem addr", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("usage: hakmem addr EXPRESSION")
        heap = Heap()
        address = int(gdb.parse_and_eval(f"(unsigned long) ({argument})"))
        span = heap.span_of_address(address)
        if not span:
            print(f"{address:#x} is not in the heap")
        elif span.kind == SLAB:
            self.slot(heap, span, address)
        elif span.kind == LARGE:
            state = heap.state_at(span.start)
            word = {LARGE_LIVE: "live", LARGE_FREED: "freed, still cached"}.get(state, f"state {state:#x}")
            print(f"{address:#x}: {distance(address, span.start)}large block {span.start:#x}, {word}, "
                  f"{span.requested} bytes asked for, {span.block} mapped")
            self.history(heap, span.start)
        else:
            print(f"{address:#x} is in a free span of {span.units * heap.unit_bytes} bytes")

    def slot(self, heap, span, address):
        index = (address - span.start) // span.stride
        if address < span.start or index >= span.slots:
            print(f"{address:#x} is in a slab of {span.stride - 1} bytes, in no slot of it")
            return
        start = span.start + index * span.stride
        if index >= span.carved:
            print(f"{address:#x}: slot {index} of a slab of {span.stride - 1} bytes, not in use yet")
            return
        state = heap.state_at(start)
        print(f"{address:#x}: {distance(address, start)}block {start:#x}, {self.word_for(heap, state, start)}, "
              f"{span.stride - 1} usable bytes, slot {index} of {span.slots}")
        header = number(start - 1, 1)
        if header != span.header:
            print(f"  the header in front is damaged: {header:#04x}, expected {span.header:#04x}")
        self.history(heap, start)

    def word_for(self, heap, state, block):
        if state & STATE_MASK == 0x80 and heap.withheld_at(block):
            return "freed, in quarantine"
        return STATES[state & STATE_MASK]

    def history(self, heap, block):
        record = heap.record_of(block)
        if not record or not (record["live"] or record["free_thread"]):
            return
        print(f"  {record['requested']} bytes were asked for")
        for word, stack, thread in (("allocated", "alloc_stack", "alloc_thread"),
                                    ("freed", "free_stack", "free_thread")):
            if word == "freed" and record["live"]:
                continue
            frames = heap.stack(record[stack])
            if frames:
                print(f"  {word} by thread {record[thread]}:")
            for i, frame in enumerate(frames):
                print(f"    #{i} {place_of(frame)}")


def distance(address, start):
    return f"{address - start} bytes into " if address != start else ""


class HakmemThreads(gdb.Command):
    """hakmem threads: the thread caches and what they hold."""

    def __init__(self):
        super().__init__("hakmem threads", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        heap = Heap()
        print(f"{'cache':>6}{'thread':>10}  {'in use':<8}{'cached blocks':>14}")
        for cache in heap.each_cache():
            used = "yes" if number(cache + heap.cache_in_use, 1) else "no"
            print(f"{number(cache + heap.cache_id, 4):>6}{number(cache + heap.cache_thread, 4):>10}  {used:<8}"
                  f"{self.cached(heap, cache):>14}")

    def cached(self, heap, cache):
        def room(top):
            used = top % heap.magazine_bytes
            return (heap.magazine_bytes - used) // WORD_BYTES if used else 0
        total = 0
        for size_class in range(heap.class_count):
            pair = cache + heap.cache_pairs + size_class * heap.cache_pair_bytes
            total += room(number(pair)) + room(number(pair + heap.cache_pair_free))
        return total


# ---- printers ----

class SpanPrinter:
    KINDS = ("none", "free", "slab", "large")

    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind = int(self.value["kind"])
        units = int(self.value["units"])
        if kind == SLAB:
            return (f"slab of {int(self.value['stride']) - 1} bytes, {units} units, {int(self.value['slots'])} slots, "
                    f"{int(self.value['carved'])} carved, {int(self.value['free_count'])} free")
        if kind == LARGE:
            return f"large block of {int(self.value['requested_bytes'])} bytes, {units} units"
        return f"{self.KINDS[kind]} span of {units} units"


class MagazinePairPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return (f"magazines at {int(self.value['alloc_top']):#x} and {int(self.value['free_top']):#x}, "
                f"capacity {int(self.value['capacity'])}")


class FaultRecordPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{self.value['fault']} of {int(self.value['ptr']):#x}"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("hakmem")
    for name, printer in (("Span", SpanPrinter), ("MagazinePair", MagazinePairPrinter),
                          ("FaultRecord", FaultRecordPrinter)):
        collection.add_printer(name, f"^hak::{name}$", printer)
    return collection


HakmemPrefix()
HakmemHeap()
HakmemAddr()
HakmemThreads()
gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
