#pragma once
// HAKMEM_TRACE: records every heap operation of the process. An instantiation of the entry table in
// front of the one that the policies ask for, so that the default paths do not know of it.
#include "front/table.h"

namespace hak {

/// Opens the file and writes its header; from then on `inner` is what the traced table calls. False if
/// nothing is to be traced; a file that cannot be made is one line on stderr.
bool trace_start(const HeapCore& heap);
bool trace_is_on();
/// The table in front of `inner`. Called again when the policy changes.
const EntryTable& traced_table(const EntryTable& inner);
/// The child of fork has its parent's blocks, which no trace of its own could explain: it stops.
/// A program it starts by exec records itself.
void trace_fork_child();
/// The calling thread gives its cache up.
void trace_thread_exit();
/// A free that no table serves: the thread has no cache, and there is none to share.
void trace_free(const void* p, Api api);
/// All unused memory is about to be given back.
void trace_purge();
/// A fault is about to be reported.
void trace_fault(const FaultRecord& record);

}  // namespace hak
