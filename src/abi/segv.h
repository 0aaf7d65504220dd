#pragma once
// A SIGSEGV in the heap's guards becomes a report; any other goes where it would have gone.
namespace hak {

/// Installs the handler if SIGSEGV has its default action: a program that handles it already is left
/// alone, and one that does so later replaces ours. Nothing else is changed. Any thread.
void segv_install();

}  // namespace hak
